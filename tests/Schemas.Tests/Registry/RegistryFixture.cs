using PipeRoll.Schemas.Registry;

namespace PipeRoll.Schemas.Tests.Registry;

/// <summary>A registry without a log: what a plan writes goes through the codec, as it would through the topic.</summary>
internal sealed class RegistryFixture
{
    public static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(20_000);

    public RegistryState State { get; private set; } = RegistryState.Empty;

    public SchemaCache Cache { get; } = new();

    public RegistryError? Error { get; private set; }

    public List<RegistryRecord> Written { get; } = [];

    public T? Run<T>(RegistryPlan<T> plan)
    {
        foreach (RegistryRecord record in plan.Records)
        {
            (byte[] key, byte[]? value) = RegistryRecordCodec.Write(record);
            State = State.Apply(RegistryRecordCodec.Read(key, value)!);
            Written.Add(record);
        }

        Error = plan.Error;
        return plan.Result;
    }

    public SchemaVersion? Register(string subject, string text, string principal = "User:author", SchemaType type = SchemaType.Avro, params SchemaReference[] references) =>
        Run(RegistryRules.Register(State, Cache, subject, new SchemaDraft(type, text, [.. references]), false, principal, Now));

    public static string Record(string name, params string[] fields) =>
        $$"""{"type":"record","name":"{{name}}","fields":[{{string.Join(',', fields.Select(field => $$"""{"name":"{{field}}","type":"int","default":0}"""))}}]}""";
}
