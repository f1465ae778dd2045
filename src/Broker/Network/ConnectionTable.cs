namespace PipeRoll.Broker.Network;

/// <summary>The connections that are open, and the bounds on how many may be, in all and from one address.</summary>
/// <remarks>Any thread.</remarks>
internal sealed class ConnectionTable(Func<int> connectionsMax, Func<int> perAddressMax)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _perAddress = [];
    private readonly HashSet<Connection> _connections = [];
    private int _admitted;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _admitted;
            }
        }
    }

    /// <returns>Null when there is room, which is then taken; else why there is none.</returns>
    public string? TryAdmit(string address)
    {
        lock (_gate)
        {
            int fromAddress = _perAddress.GetValueOrDefault(address);
            if (_admitted >= connectionsMax())
            {
                return $"{_admitted} connections are open, the most allowed (max.connections)";
            }

            if (fromAddress >= perAddressMax())
            {
                return $"{fromAddress} connections from this address are open, the most allowed (max.connections.per.ip)";
            }

            _admitted++;
            _perAddress[address] = fromAddress + 1;
            return null;
        }
    }

    public void Leave(string address)
    {
        lock (_gate)
        {
            _admitted--;
            int left = _perAddress[address] - 1;
            if (left == 0)
            {
                _perAddress.Remove(address);
            }
            else
            {
                _perAddress[address] = left;
            }
        }
    }

    public void Add(Connection connection)
    {
        lock (_gate)
        {
            _connections.Add(connection);
        }
    }

    public void Remove(Connection connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection);
        }
    }

    public Connection[] Snapshot()
    {
        lock (_gate)
        {
            return [.. _connections];
        }
    }
}
