using System.Text;
using CsCheck;
using PipeRoll.Broker.Groups;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

/// <summary>
/// Clients that behave as real ones do, in random order, with crashes, lost answers, silent hosts and a store that is
/// slow or fails: the rules of a group hold at every step, and once everyone behaves, the group settles.
/// </summary>
public sealed class GroupModelTests
{
    private const int Clients = 6;

    private static readonly Gen<(int Client, int Action, int Pause)> Step =
        Gen.Select(Gen.Int[0, Clients - 1], Gen.Int[0, 11], Gen.Int[0, 6_000]);

    [Fact]
    public void AnyHistoryKeepsTheRulesAndSettles() =>
        Step.Array[1, 120].Sample(steps => new Run().Play(steps), iter: 1_500, seed: "0000KOIPHo90", threads: 1);

    private sealed class Client(int number)
    {
        public string? Instance { get; } = number % 3 == 0 ? $"node-{number}" : null;

        public string Id { get; set; } = "";

        public int Generation { get; set; } = -1;

        public string? Assignment { get; set; }

        public JoinResult? Joined { get; set; }

        public long? JoinTicket { get; set; }

        public long? SyncTicket { get; set; }

        public bool IsSilent { get; set; }

        public void Forget()
        {
            Generation = -1;
            Joined = null;
            Assignment = null;
            JoinTicket = null;
            SyncTicket = null;
        }
    }

    private sealed class Run
    {
        private readonly GroupHarness _group = new(new GroupOptions { InitialRebalanceDelayMs = 500, MembersMax = 5 });
        private readonly Client[] _clients = [.. Enumerable.Range(0, Clients).Select(static number => new Client(number))];
        private readonly Dictionary<int, string> _leaders = [];

        public void Play((int Client, int Action, int Pause)[] steps)
        {
            foreach ((int client, int action, int pause) in steps)
            {
                Act(_clients[client], action);
                _group.Pass(pause);
                Check();
            }

            Settle();
        }

        private void Act(Client client, int action)
        {
            switch (action)
            {
                case 0:
                    // The process is killed: its requests are still open at the broker.
                    client.Forget();
                    client.Id = "";
                    client.IsSilent = false;
                    break;
                case 1:
                    client.IsSilent = !client.IsSilent;
                    break;
                case 2 when client.Id.Length > 0:
                    _group.Leave(new LeavingMember(client.Id, client.Instance));
                    client.Forget();
                    client.Id = "";
                    break;
                case 3:
                    _group.StoresAtOnce = !_group.StoresAtOnce;
                    break;
                case 4 when _group.PendingStores > 0:
                    _group.CompleteStore(KafkaError.CoordinatorNotAvailable);
                    break;
                case 5 when _group.PendingStores > 0:
                    _group.CompleteStore();
                    break;
                case 6:
                    // The connection broke: the client asks again without having seen the answer.
                    client.Forget();
                    break;
                case 7:
                    _group.State.CheckCommit(client.Id, client.Instance, client.Generation, _group.NowMs);
                    break;
                default:
                    Advance(client);
                    break;
            }
        }

        private void Advance(Client client)
        {
            Collect(client);
            if (client.IsSilent || client.JoinTicket is not null || client.SyncTicket is not null)
            {
                return;
            }

            if (client.Joined is null)
            {
                client.JoinTicket = _group.Join(client.Id, client.Instance, idRequired: client.Instance is null, rebalanceMs: 12_000);
            }
            else if (client.Assignment is null)
            {
                Dictionary<string, ReadOnlyMemory<byte>> assignments = client.Joined.Members.ToDictionary(
                    static member => member.MemberId,
                    member => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes($"{client.Generation}"));
                client.SyncTicket = _group.Sync(client.Id, client.Generation, client.Instance, assignments);
            }
            else
            {
                Heed(client, _group.Heartbeat(client.Id, client.Generation, client.Instance));
            }

            Collect(client);
        }

        private void Collect(Client client)
        {
            if (client.JoinTicket is { } join && !_group.IsOpen(join))
            {
                client.JoinTicket = null;
                JoinResult result = _group.Joined(join);
                if (result.Error is KafkaError.None or KafkaError.MemberIdRequired)
                {
                    client.Id = result.MemberId;
                }

                if (result.Error == KafkaError.None)
                {
                    client.Joined = result;
                    client.Generation = result.Generation;
                    CheckJoined(result);
                }
                else
                {
                    Heed(client, result.Error);
                }
            }

            if (client.SyncTicket is { } sync && !_group.IsOpen(sync))
            {
                client.SyncTicket = null;
                SyncResult result = _group.Synced(sync);
                client.Assignment = result.Error == KafkaError.None ? Encoding.UTF8.GetString(result.Assignment.Span) : null;
                Heed(client, result.Error);
            }
        }

        private static void Heed(Client client, KafkaError error)
        {
            if (error is KafkaError.None)
            {
                return;
            }

            client.Forget();
            if (error is KafkaError.UnknownMemberId or KafkaError.FencedInstanceId or KafkaError.GroupMaxSizeReached)
            {
                client.Id = "";
            }
        }

        private void CheckJoined(JoinResult result)
        {
            if (result.Members.Count > 0 && !result.SkipAssignment)
            {
                Assert.Equal(result.MemberId, result.LeaderId);
                Assert.True(
                    _leaders.TryAdd(result.Generation, result.MemberId) || _leaders[result.Generation] == result.MemberId,
                    "two leaders in one generation");
            }
        }

        private void Check()
        {
            Assert.InRange(_group.State.MemberCount, 0, Clients);
            GroupDescription described = _group.State.Describe();
            Assert.Equal(described.Members.Count, described.Members.Select(static member => member.MemberId).Distinct().Count());
            foreach (MemberSnapshot member in described.Members.Where(static member => member.Assignment.Length > 0))
            {
                Assert.Equal($"{_group.State.Generation}", Encoding.UTF8.GetString(member.Assignment.Span));
            }
        }

        /// <summary>From here on everyone is well: nobody may stay unanswered and the group must become stable.</summary>
        private void Settle()
        {
            _group.StoresAtOnce = true;
            while (_group.PendingStores > 0)
            {
                _group.CompleteStore();
            }

            for (int round = 0; round < 60; round++)
            {
                foreach (Client client in _clients.Take(4))
                {
                    client.IsSilent = false;
                    Advance(client);
                }

                _group.Pass(1_000);
            }

            Assert.Equal((GroupPhase.Stable, 4), (_group.State.Phase, _group.State.MemberCount));
            Assert.Empty(_group.Open);
            Assert.Equal(0, _group.State.PendingMemberCount);
            Assert.All(_clients.Take(4), client => Assert.Equal($"{_group.State.Generation}", client.Assignment));
        }
    }
}
