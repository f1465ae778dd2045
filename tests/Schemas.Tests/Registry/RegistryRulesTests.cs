using CsCheck;
using PipeRoll.Schemas.Registry;
using static PipeRoll.Schemas.Tests.Registry.RegistryFixture;

namespace PipeRoll.Schemas.Tests.Registry;

public sealed class RegistryRulesTests
{
    private readonly RegistryFixture _registry = new();

    [Fact]
    public void TheSameContentHasTheSameIdEverywhereAndIdsAreDense()
    {
        Assert.Equal((1, 1), Of(_registry.Register("a", Record("A", "x"))));
        Assert.Equal((1, 1), Of(_registry.Register("a", Record("A", "x"))));
        Assert.Equal((2, 2), Of(_registry.Register("a", Record("A", "x", "y"))));
        Assert.Equal((1, 2), Of(_registry.Register("b", Record("A", "x", "y"))));
        Assert.Equal((2, 3), Of(_registry.Register("b", Record("A", "x", "y", "z"))));
        Assert.Equal(4, _registry.Written.Count);
        Assert.Equal([("a", 2), ("b", 1)], _registry.State.Uses[2]);
    }

    [Fact]
    public void AnIncompatibleVersionIsRefusedWithTheFieldAndTheVersion()
    {
        _registry.Register("a", """{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}""");
        Assert.Null(_registry.Register("a", """{"type":"record","name":"A","fields":[{"name":"x","type":"string"}]}"""));
        Assert.Equal((409, 409), (_registry.Error!.Code, _registry.Error.HttpStatus));
        Assert.Contains("TYPE_MISMATCH", _registry.Error.Message);
        Assert.Contains("/fields/0/type", _registry.Error.Message);
        Assert.Contains("oldSchemaVersion: 1", _registry.Error.Message);
    }

    [Theory]
    [InlineData(CompatibilityLevel.Backward, true, false)]
    [InlineData(CompatibilityLevel.BackwardTransitive, false, false)]
    [InlineData(CompatibilityLevel.Forward, true, true)]
    [InlineData(CompatibilityLevel.None, true, true)]
    public void LevelsLookBackAsFarAsTheySay(CompatibilityLevel level, bool third, bool fourth)
    {
        _registry.Run(RegistrySettings.SetConfig(_registry.State, null, new SubjectConfig(level, null), "User:a"));
        // x without default; then gone; then back with another type, which only the first version contradicts.
        const string Required = """{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}""";
        const string Without = """{"type":"record","name":"A","fields":[]}""";
        const string Other = """{"type":"record","name":"A","fields":[{"name":"x","type":"string","default":""}]}""";
        const string Added = """{"type":"record","name":"A","fields":[{"name":"x","type":"string","default":""},{"name":"y","type":"int"}]}""";
        if (level == CompatibilityLevel.Forward)
        {
            // An old reader needs x: it must not go.
            Assert.NotNull(_registry.Register("a", Without));
            Assert.NotNull(_registry.Register("a", Required));
            Assert.Null(_registry.Register("a", Record("A", "z")));
            return;
        }

        Assert.NotNull(_registry.Register("a", Required));
        Assert.NotNull(_registry.Register("a", Without));
        Assert.Equal(third, _registry.Register("a", Other) is not null);
        Assert.Equal(fourth, _registry.Register("a", Added) is not null);
    }

    [Fact]
    public void DeletesAreSoftThenForGood()
    {
        _registry.Register("a", Record("A", "x"));
        _registry.Register("a", Record("A", "x", "y"));
        Assert.Null(_registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "a", true, "User:a")));
        Assert.Equal(40405, _registry.Error!.Code);
        Assert.Equal([1, 2], _registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "a", false, "User:a"))!);
        Assert.Empty(_registry.State.Versions("a", withDeleted: false));
        Assert.NotNull(_registry.State.Content(1));
        Assert.Null(_registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "a", false, "User:a")));
        Assert.Equal(40404, _registry.Error!.Code);

        // Registered again it is a new version with its old id.
        Assert.Equal((3, 1), Of(_registry.Register("a", Record("A", "x"))));
        _registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "a", false, "User:a"));
        Assert.Equal([1, 2, 3], _registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "a", true, "User:a"))!);
        Assert.Null(_registry.State.Content(1));
        Assert.Empty(_registry.State.Subjects);

        // Its ids are not given again.
        Assert.Equal((1, 3), Of(_registry.Register("b", Record("B", "x"))));
    }

    [Fact]
    public void WhatIsReferredToStays()
    {
        _registry.Register("money", """{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}""");
        SchemaVersion order = _registry.Register(
            "order", """{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"}]}""", references: new SchemaReference("Money", "money", -1))!;
        Assert.Equal(1, order.Content.References[0].Version);
        Assert.Equal([order.Id], _registry.State.ReferencedBy("money", 1));
        _registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "money", false, "User:a"));
        Assert.Equal(42206, _registry.Error!.Code);
        Assert.Null(_registry.Register("other", Record("Other"), references: new SchemaReference("X", "nowhere", 1)));
        Assert.Equal(42201, _registry.Error!.Code);
    }

    [Fact]
    public void ModesAreKept()
    {
        _registry.Register("a", Record("A"));
        _registry.Run(RegistrySettings.SetMode(_registry.State, null, RegistryMode.Import, false, "User:a"));
        Assert.Equal(42205, _registry.Error!.Code);
        _registry.Run(RegistrySettings.SetMode(_registry.State, "b", RegistryMode.Import, false, "User:a"));
        Assert.Null(_registry.Register("b", Record("B")));
        Assert.Equal(42205, _registry.Error!.Code);
        var draft = new SchemaDraft(SchemaType.Avro, Record("B"), [], 7, 70);
        Assert.Equal((7, 70), Of(_registry.Run(RegistryRules.Register(_registry.State, _registry.Cache, "b", draft, false, "User:a", Now))));
        Assert.Equal(71, _registry.Register("a", Record("A", "x"))!.Id);
        _registry.Run(RegistryRules.Register(_registry.State, _registry.Cache, "a", draft, false, "User:a", Now));
        Assert.Equal(42205, _registry.Error!.Code);

        _registry.Run(RegistrySettings.SetMode(_registry.State, null, RegistryMode.ReadOnlyOverride, false, "User:a"));
        Assert.Null(_registry.Register("a", Record("A", "x", "z")));
        Assert.Equal(42205, _registry.Error!.Code);
        _registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "a", false, "User:a"));
        Assert.Equal(42205, _registry.Error!.Code);
    }

    /// <summary>Whatever is done, the fold of what was written is the state, ids are dense and never given twice.</summary>
    [Fact]
    public void IdsAreNeverGivenTwice() => Gen.Select(Gen.Int[0, 3], Gen.Int[0, 5], Gen.Int[0, 4]).Array[1, 40].Sample(steps =>
    {
        var registry = new RegistryFixture();
        var contents = new Dictionary<int, string>();
        foreach ((int kind, int schema, int subject) in steps)
        {
            string name = $"s{subject}";
            if (kind <= 1)
            {
                string text = Record("A", [.. Enumerable.Range(0, schema).Select(i => $"f{i}")]);
                SchemaVersion made = registry.Register(name, text)!;
                Assert.True(!contents.TryGetValue(made.Id, out string? before) || before == made.Content.Text);
                contents[made.Id] = made.Content.Text;
            }
            else
            {
                registry.Run(RegistryDeletes.DeleteSubject(registry.State, name, kind == 3, "User:a"));
            }
        }

        Assert.Equal(contents.Count == 0 ? 0 : contents.Keys.Max(), registry.State.LastId);
        Assert.Equal(contents.Count, contents.Keys.DefaultIfEmpty(0).Max());
    });

    private static (int Version, int Id) Of(SchemaVersion? version) => (version!.Version, version.Id);
}
