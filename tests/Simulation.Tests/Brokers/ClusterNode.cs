using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Brokers;

/// <summary>A machine with a supervisor that starts its broker whenever that has ended.</summary>
internal sealed class ClusterNode(ClusterWorld cluster, int nodeId, Random random)
{
    private static readonly TimeSpan ClockSkewMax = TimeSpan.FromSeconds(2);

    private readonly List<ClusterLife> _lives = [];
    private bool _isOver;

    public int NodeId => nodeId;

    public string Host => ClusterLife.HostOf(nodeId);

    public int Lives => _lives.Count;

    /// <summary>The present life; a dead one until the supervisor has started another.</summary>
    public ClusterLife? Life => _lives.Count == 0 ? null : _lives[^1];

    /// <summary>Runs one life after the other, on the driver, until the scenario is over.</summary>
    public async Task SuperviseAsync()
    {
        while (!_isOver)
        {
            TimeSpan skew = cluster.IsCalm ? TimeSpan.Zero : ((2 * random.NextDouble()) - 1) * ClockSkewMax;
            SimulatedProcess process = cluster.World.StartProcess($"{Host} life {_lives.Count}", skew);
            var life = new ClusterLife(cluster, nodeId, process);
            _lives.Add(life);
            _ = cluster.World.GuardAsync(process.Run(life.RunAsync));
            await process.Ended;
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(100, cluster.IsCalm ? 500 : 5000)), cluster.World.Driver.Time);
        }
    }

    public void End()
    {
        _isOver = true;
        Life?.Process.Kill("the scenario is over");
        _lives.ForEach(static life => life.Dispose());
    }
}
