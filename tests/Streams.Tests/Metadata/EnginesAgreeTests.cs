using System.Text.Json;
using CsCheck;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>Whatever is asked in whatever order, both engines answer the same and end with the same contents.</summary>
public sealed class EnginesAgreeTests(PostgresFixture postgres)
{
    private static readonly JsonSerializerOptions Json = new() { IncludeFields = true };

    [Fact]
    public async Task Any_sequence_of_calls_gets_the_same_answers()
    {
        Gen<Call[]> calls = Gen.Select(Gen.Int[0, 34], Gen.Int[1, 5], Gen.Int[1, 5], Gen.Int[0, 4], Gen.Int[0, 3])
            .Select(v => new Call(v.Item1, v.Item2, v.Item3, v.Item4, v.Item5)).Array[1, 80];
        await calls.SampleAsync(
            async sequence =>
            {
                await using var sqlite = new SqliteDatabase();
                await using PostgresDatabase other = postgres.NewDatabase();
                await using IMetadataStore model = await StartAsync(sqlite);
                await using IMetadataStore store = await StartAsync(other);
                foreach (Call call in sequence)
                {
                    World world = await World.ReadAsync(model);
                    string expected = await AnswerAsync(model, sqlite, call, world);
                    string answer = await AnswerAsync(store, other, call, world);
                    Assert.True(expected == answer, $"{call}\nSQLite:     {expected}\nPostgreSQL: {answer}");
                }

                Assert.Equal(await DumpAsync(model), await DumpAsync(store));
            },
            iter: 20, threads: 1, print: sequence => string.Join('\n', sequence.Select(c => c.ToString())));
    }

    private static async Task<IMetadataStore> StartAsync(ITestDatabase database)
    {
        IMetadataStore store = await database.OpenAsync();
        await store.StartAsync();
        await store.RegisterBrokerAsync(MetadataContract.Endpoint(1), MetadataContract.Session);
        await store.RegisterBrokerAsync(MetadataContract.Endpoint(2), MetadataContract.Session);
        await store.CreateTopicAsync(new Guid(1, 0, 0, new byte[8]), "topic1", 3, new Dictionary<string, string>(), false, "test", [new(1), new(2)]);
        return store;
    }

    private static async Task<string> AnswerAsync(IMetadataStore store, ITestDatabase database, Call call, World world)
    {
        try
        {
            return JsonSerializer.Serialize(await call.RunAsync(store, database, world), Json);
        }
        catch (Exception refusal) when (refusal is MetadataConflictException or BrokerFencedException)
        {
            return $"{refusal.GetType().Name}: {refusal.Message}";
        }
    }

    private static async Task<string> DumpAsync(IMetadataStore store)
    {
        var ids = Enumerable.Range(1, 30).Select(i => new StreamId(i)).ToArray();
        var parts = new List<object?>
        {
            await store.ReadClusterAsync(), await store.ReadStreamsAsync(ids), await store.ListObjectsAsync(0, 1000),
            await store.ReadLogAsync(0, 1000), await store.ReadPartitionLoadsAsync(), await store.ListDoomedStreamsAsync(100),
        };
        foreach (StreamId id in ids)
        {
            parts.Add((await store.ListRangesAsync(id, 0, 100), await store.ReadCheckpointAsync(id)));
        }

        return JsonSerializer.Serialize(parts, Json);
    }

    /// <summary>What the call may refer to: the model's state before it.</summary>
    private sealed record World(ClusterSnapshot Snapshot, IReadOnlyList<StreamState> Streams)
    {
        public List<BrokerEpoch> Serving { get; } = InState(Snapshot, BrokerState.Alive, BrokerState.Draining);

        public List<BrokerEpoch> Dead { get; } = InState(Snapshot, BrokerState.Fenced, BrokerState.Recovering);

        public List<PartitionPlacement> Moving { get; } = [.. Snapshot.Topics.SelectMany(t => t.Placements).Where(p => !p.Target.IsNone)];

        public static async Task<World> ReadAsync(IMetadataStore model) =>
            new(await model.ReadClusterAsync(), await model.ReadStreamsAsync([.. Enumerable.Range(1, 30).Select(i => new StreamId(i))]));

        public static T Pick<T>(IReadOnlyList<T> list, int index, T otherwise) => list.Count == 0 ? otherwise : list[index % list.Count];

        public StreamState State(StreamId id) => Streams.FirstOrDefault(s => s.Id == id);

        public PartitionPlacement Placement(StreamId id) =>
            Snapshot.Topics.SelectMany(t => t.Placements).FirstOrDefault(p => p.Stream == id, new PartitionPlacement(id, default, State(id).Epoch, default));

        private static List<BrokerEpoch> InState(ClusterSnapshot snapshot, params BrokerState[] states) =>
            [.. snapshot.Brokers.Where(b => states.Contains(b.State)).Select(b => b.Epoch)];
    }

    /// <summary>One call. Its numbers choose among what there is; now and then they name something else.</summary>
    private sealed record Call(int Kind, int A, int B, int C, int D)
    {
        private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
        private World _world = null!;

        private BrokerEpoch Broker => D == 3 && C == 4 ? new BrokerEpoch(A) : World.Pick(_world.Serving, A, new BrokerEpoch(A));

        private BrokerEpoch Other => C == 4 ? new BrokerEpoch(B) : World.Pick(_world.Serving, C, new BrokerEpoch(B));

        private BrokerEpoch Dead => World.Pick(_world.Dead, A, new BrokerEpoch(B));

        private StreamId Stream => World.Pick([.. _world.Streams.Select(s => s.Id)], B, new StreamId(B));

        private PartitionPlacement Placement => _world.Placement(Stream);

        private ControllerTerm Term => _world.Snapshot.Controller with { Term = _world.Snapshot.Controller.Term + (D == 3 ? C : 0) };

        private RangeCommit Range => new(Stream, Placement.Epoch, C * 10, (C + 1) * 10, C * 100, 10 + C);

        public async Task<object?> RunAsync(IMetadataStore store, ITestDatabase database, World world)
        {
            _world = world;
            return await RunAsync(store, database);
        }

        private async Task<object?> RunAsync(IMetadataStore store, ITestDatabase database) => Kind switch
        {
            0 => await store.RegisterBrokerAsync(MetadataContract.Endpoint(A), MetadataContract.Session),
            1 or 2 => await store.HeartbeatAsync(new HeartbeatRequest(Broker, new BrokerLoad(B, C, D), MetadataContract.Session, true)),
            3 => await AdvanceAsync(database),
            4 or 28 => await store.FenceExpiredAsync(Term),
            5 or 29 => await store.AssignRecoveryAsync(Term, Dead, Other),
            6 => await FinishAsync(store),
            7 or 30 => await store.AssignPartitionsAsync(
                Term, [.. _world.Streams.Where(s => s.Id.Value % 3 != B).Select(s => new PartitionAssignment(s.Id, s.Epoch, Other)), new(Stream, C, Broker)]),
            8 or 9 => await store.RequestMovesAsync("op", [(Stream, Broker), (new StreamId(A), D == 0 ? default : Other)]),
            10 or 11 or 31 => await HandOverAsync(store),
            12 when C == 0 => await store.DrainBrokerAsync(Broker, "op"),
            13 when C == 0 => await DoneAsync(store.RetireBrokerAsync(Broker)),
            12 or 13 => await store.HeartbeatAsync(
                new HeartbeatRequest(_world.Snapshot.Controller.Broker, default, MetadataContract.Session, true)),
            14 => await DoneAsync(store.AdvanceWalAsync(Broker, C)),
            15 => await ForgetAsync(store),
            16 => await DoneAsync(store.SavePartitionLoadsAsync(Broker, [new(Stream, C, D), new(Stream, D, C)])),
            17 => await store.CreateTopicAsync(new Guid(B, 0, 0, new byte[8]), $"topic{B}", C, Configs(), D == 0, "op", [Broker, Other, Broker]),
            18 => await GrowOrDeleteAsync(store),
            19 or 32 => await CommitAsync(store, new CommitWriter(Placement.Owner, default)),
            20 or 33 => await CommitAsync(store, new CommitWriter(Broker, D > 1 ? Dead : default)),
            21 => await CommitAsync(store, default),
            22 => await store.OpenStreamsAsync([new(Stream, Placement.Epoch, Placement.Owner), new(new StreamId(A), D), new(Stream, C, Broker)]),
            23 => await store.TrimStreamAsync(Stream, D == 3 ? C : Placement.Epoch, C * 10),
            24 => await store.SaveCheckpointAsync(Stream, D == 3 ? C : Placement.Epoch, new StreamCheckpoint(C, new byte[] { (byte)A })),
            25 => await RelocateAsync(store),
            26 => await ReplaceAsync(store),
            34 => await store.FenceSilentAsync(Broker, Other, TimeSpan.FromSeconds(C)),
            _ => await SweepAsync(store),
        };

        private async Task<object?> FinishAsync(IMetadataStore store)
        {
            BrokerRecord? recovering = _world.Snapshot.Brokers.FirstOrDefault(b => b.State == BrokerState.Recovering);
            await store.FinishRecoveryAsync(recovering?.Epoch ?? Dead, D == 3 ? Other : recovering?.Recoverer ?? Broker);
            return null;
        }

        private async Task<object?> HandOverAsync(IMetadataStore store)
        {
            PartitionPlacement first = World.Pick(_world.Moving, B, Placement);
            return await store.HandOverAsync(
                D == 3 ? Other : first.Owner,
                [.. _world.Moving.Append(first).DistinctBy(p => p.Stream).Select(p => new PartitionHandOver(
                    p.Stream, p.Epoch + (C == 4 ? 1 : 0), _world.State(p.Stream).EndOffset + (10 * C) - (D == 2 ? 10 : 0), new byte[] { (byte)A }))]);
        }

        private static async Task<object?> DoneAsync(ValueTask call)
        {
            await call;
            return null;
        }

        private async Task<object?> AdvanceAsync(ITestDatabase database)
        {
            await database.AdvanceAsync(TimeSpan.FromMilliseconds(700 * C));
            return null;
        }

        private async Task<object?> ForgetAsync(IMetadataStore store)
        {
            IReadOnlyList<BrokerEpoch> gone = await store.ListGoneBrokersAsync(TimeSpan.FromSeconds(C));
            await store.ForgetBrokerAsync(Broker);
            return gone;
        }

        private async Task<object?> GrowOrDeleteAsync(IMetadataStore store) => D switch
        {
            0 => await store.DeleteTopicAsync($"topic{B}", "op"),
            1 => await store.SetTopicConfigsAsync($"topic{B}", Configs(), "op"),
            2 => await DoneAsync(store.DestroyStreamAsync(Stream, "op")),
            _ => await store.CreatePartitionsAsync($"topic{B}", C, "op", [Broker]),
        };

        private Dictionary<string, string> Configs() => new() { ["b"] = $"{A}", ["A"] = "ü", ["a.z"] = "" };

        /// <summary>Where the stream goes on, now and then with a gap or for the second time.</summary>
        private async Task<object?> CommitAsync(IMetadataStore store, CommitWriter writer)
        {
            long id = await store.PrepareObjectsAsync(2, Hour, writer.Broker);
            long at = (await store.ReadStreamsAsync([Stream])).Select(s => C < 3 ? s.CommittedOffset : s.SealedOffset).FirstOrDefault();
            RangeCommit next = Range with { BaseOffset = at, EndOffset = at + 10 };
            StreamState other = _world.State(new StreamId(A));
            RangeCommit[] ranges = [next, new(new StreamId(A), other.Epoch, other.CommittedOffset, other.CommittedOffset + 10, 0, 10)];
            var commit = new ObjectCommit(D == 3 && C == 4 ? id - 2 : id, 100 + C, 50, next.Stream.Value == A || D == 0 ? ranges[..1] : ranges);
            return (await store.CommitObjectsAsync([commit], writer), await store.CommitObjectsAsync([commit], writer));
        }

        private async Task<object?> RelocateAsync(IMetadataStore store)
        {
            long id = await store.PrepareObjectsAsync(1, Hour, Broker);
            var sources = (await store.ListRangesAsync(Stream, 0, 10)).Select(r => (Stream, r)).ToList();
            if (sources.Count == 0)
            {
                return await store.ListCompactableObjectsAsync(Broker, D > 1, 103, TimeSpan.FromSeconds(C), 10);
            }

            RangeCommit moved = Range with { BaseOffset = sources[0].r.BaseOffset, EndOffset = C == 0 ? 10 : sources[^1].r.EndOffset };
            return await store.RelocateRangesAsync(sources, [new ObjectCommit(id, 300, 50, [moved])]);
        }

        private async Task<object?> ReplaceAsync(IMetadataStore store)
        {
            long id = await store.PrepareObjectsAsync(1, Hour, Broker);
            RangeCommit kept = Range with { BaseOffset = 0, EndOffset = 5 };
            return await store.ReplaceRangesAsync(Stream, Placement.Epoch, 0, C * 10, [new ObjectCommit(id, 100, 50, [kept])]);
        }

        private async Task<object?> SweepAsync(IMetadataStore store)
        {
            IReadOnlyList<long> due = await store.ListDueDeletesAsync(10, TimeSpan.FromSeconds(C));
            await store.ForgetObjectsAsync(due);
            return (due, await store.FindRetentionStartAsync(Stream, C * 100, D * 10), await store.FindRangeByTimestampAsync(Stream, C * 100),
                await store.ListObjectRangesAsync(A), await store.AllocateProducerIdsAsync(C + 1));
        }
    }
}
