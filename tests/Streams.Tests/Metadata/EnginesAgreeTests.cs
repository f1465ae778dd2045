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
        Gen<Call[]> calls = Gen.Select(Gen.Int[0, 27], Gen.Int[1, 5], Gen.Int[1, 5], Gen.Int[0, 4], Gen.Int[0, 3])
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
                    string expected = await AnswerAsync(model, sqlite, call);
                    string answer = await AnswerAsync(store, other, call);
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

    private static async Task<string> AnswerAsync(IMetadataStore store, ITestDatabase database, Call call)
    {
        try
        {
            return JsonSerializer.Serialize(await call.RunAsync(store, database), Json);
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

    /// <summary>One call; small numbers, so that calls meet the same brokers, streams, objects and offsets again and again.</summary>
    private sealed record Call(int Kind, int A, int B, int C, int D)
    {
        private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

        private BrokerEpoch Broker => new(A);

        private BrokerEpoch Other => new(C);

        private StreamId Stream => new(B);

        private ControllerTerm Term => new(Broker, D);

        private RangeCommit Range => new(Stream, D, C * 10, (C + 1) * 10, C * 100, 10 + C);

        public async Task<object?> RunAsync(IMetadataStore store, ITestDatabase database) => Kind switch
        {
            0 => await store.RegisterBrokerAsync(MetadataContract.Endpoint(A), MetadataContract.Session),
            1 or 2 => await store.HeartbeatAsync(new HeartbeatRequest(Broker, new BrokerLoad(B, C, D), MetadataContract.Session, true)),
            3 => await AdvanceAsync(database),
            4 => await store.FenceExpiredAsync(Term),
            5 => await store.AssignRecoveryAsync(Term, new BrokerEpoch(B), Other),
            6 => await DoneAsync(store.FinishRecoveryAsync(Broker, new BrokerEpoch(B))),
            7 => await store.AssignPartitionsAsync(Term, [new(Stream, C, new BrokerEpoch(B)), new(new StreamId(A), D, Broker)]),
            8 or 9 => await store.RequestMovesAsync("op", [(Stream, Broker), (new StreamId(C), new BrokerEpoch(D))]),
            10 or 11 => await store.HandOverAsync(Broker, [new(Stream, D, C * 10, new byte[] { 1 }), new(new StreamId(C), D, 10, new byte[] { 2 })]),
            12 => await store.DrainBrokerAsync(Broker, "op"),
            13 => await DoneAsync(store.RetireBrokerAsync(Broker)),
            14 => await DoneAsync(store.AdvanceWalAsync(Broker, C)),
            15 => await ForgetAsync(store),
            16 => await DoneAsync(store.SavePartitionLoadsAsync(Broker, [new(Stream, C, D), new(Stream, D, C)])),
            17 => await store.CreateTopicAsync(new Guid(B, 0, 0, new byte[8]), $"topic{B}", C, Configs(), D == 0, "op", [Broker, Other]),
            18 => await GrowOrDeleteAsync(store),
            19 or 20 => await CommitAsync(store, new CommitWriter(Broker, D > 1 ? Other : default)),
            21 => await CommitAsync(store, default),
            22 => await store.OpenStreamsAsync([new(Stream, C, D > 1 ? Broker : default), new(Stream, D)]),
            23 => await store.TrimStreamAsync(Stream, D, C * 10),
            24 => await store.SaveCheckpointAsync(Stream, D, new StreamCheckpoint(C, new byte[] { (byte)A })),
            25 => await RelocateAsync(store),
            26 => await ReplaceAsync(store),
            _ => await SweepAsync(store),
        };

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
            RangeCommit[] ranges = [Range with { BaseOffset = at, EndOffset = at + 10 }, Range with { Stream = new StreamId(A), BaseOffset = 0, EndOffset = 10 }];
            var commit = new ObjectCommit(D == 3 ? id - 2 : id, 100 + C, 50, A == B || C == 4 ? ranges[..1] : ranges);
            return (await store.CommitObjectsAsync([commit], writer), await store.CommitObjectsAsync([commit], writer));
        }

        private async Task<object?> RelocateAsync(IMetadataStore store)
        {
            long id = await store.PrepareObjectsAsync(1, Hour, Broker);
            var sources = (await store.ListRangesAsync(Stream, 0, 10)).Select(r => (Stream, r)).ToList();
            return sources.Count == 0 ? await store.ListCompactableObjectsAsync(Broker, D > 1, 103, TimeSpan.FromSeconds(C), 10)
                : await store.RelocateRangesAsync(
                    sources, [new ObjectCommit(id, 300, 50, [Range with { BaseOffset = sources[0].r.BaseOffset, EndOffset = C == 0 ? 10 : sources[^1].r.EndOffset }])]);
        }

        private async Task<object?> ReplaceAsync(IMetadataStore store)
        {
            long id = await store.PrepareObjectsAsync(1, Hour, Broker);
            return await store.ReplaceRangesAsync(Stream, D, 0, C * 10, [new ObjectCommit(id, 100, 50, [Range with { BaseOffset = 0, EndOffset = 5 }])]);
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
