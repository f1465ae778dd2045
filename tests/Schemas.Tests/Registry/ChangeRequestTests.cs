using PipeRoll.Schemas.Registry;
using static PipeRoll.Schemas.Tests.Registry.RegistryFixture;

namespace PipeRoll.Schemas.Tests.Registry;

public sealed class ChangeRequestTests
{
    private readonly RegistryFixture _registry = new();

    [Fact]
    public void AVersionOfAGovernedSubjectWaitsForAnotherPrincipal()
    {
        Govern(new Governance(["User:bob", "User:author"], 1, []), "User:root");
        Assert.Null(_registry.Register("a", Record("A", "x")));
        Assert.Equal((42290, 422), (_registry.Error!.Code, _registry.Error.HttpStatus));
        Assert.Contains("change request 1", _registry.Error.Message);
        Assert.Empty(_registry.State.Subjects);

        // Asking again makes no second request.
        _registry.Register("a", Record("A", "x"));
        Assert.Single(_registry.State.Requests);

        Assert.Null(Approve(1, "User:author"));
        Assert.Contains("asked for change request 1", _registry.Error!.Message);
        Assert.Null(Approve(1, "User:mallory"));
        Assert.Equal(42291, _registry.Error!.Code);
        ChangeRequest done = Approve(1, "User:bob")!;
        Assert.Equal((RequestState.Approved, 1, 1), (done.State, done.SchemaId, done.Version));
        Assert.Equal(["requested", "approved", "registered"], done.Steps.Select(step => step.What));
        Assert.Equal(1, _registry.Register("a", Record("A", "x"))!.Id);
        Assert.Null(Approve(1, "User:bob"));
        Assert.Contains("approved already", _registry.Error!.Message);
    }

    [Fact]
    public void AsManyApproveAsMust()
    {
        Govern(new Governance(["User:bob", "User:carol", "User:dave"], 2, []), "User:root");
        _registry.Register("a", Record("A", "x"));
        Assert.Equal(RequestState.Pending, Approve(1, "User:bob")!.State);
        Assert.Equal(RequestState.Pending, Approve(1, "User:bob")!.State);
        Assert.Equal(RequestState.Approved, Approve(1, "User:dave")!.State);
    }

    [Fact]
    public void ARejectedRequestIsOver()
    {
        Govern(new Governance(["User:bob"], 1, []), "User:root");
        _registry.Register("a", Record("A", "x"));
        Assert.Equal(RequestState.Rejected, _registry.Run(ChangeRequests.Reject(_registry.State, 1, "User:bob", "no", Now))!.State);
        Assert.Null(Approve(1, "User:bob"));
        _registry.Register("a", Record("A", "x"));
        Assert.Equal([1, 2], _registry.State.Requests.Keys);
    }

    [Fact]
    public void WhatHasBecomeIncompatibleIsNotLetIn()
    {
        _registry.Register("a", """{"type":"record","name":"A","fields":[]}""");
        Govern(new Governance(["User:bob"], 1, []), "User:root");
        _registry.Register("a", """{"type":"record","name":"A","fields":[{"name":"x","type":"int","default":1}]}""");
        _registry.Register("a", """{"type":"record","name":"A","fields":[{"name":"x","type":"string","default":""}]}""");
        Assert.NotNull(Approve(1, "User:bob"));
        Assert.Null(Approve(2, "User:bob"));
        Assert.Equal(409, _registry.Error!.Code);
    }

    [Fact]
    public void NothingIsLetInDuringAFreeze()
    {
        Govern(new Governance(["User:bob"], 1, []), "User:root");
        _registry.Register("a", Record("A", "x"));
        Govern(new Governance(["User:bob"], 1, [new FreezeWindow(Now.AddHours(-1), Now.AddHours(1), "year end")]), "User:bob");
        Assert.Null(Approve(1, "User:bob"));
        Assert.Equal(42292, _registry.Error!.Code);
        Assert.Contains("year end", _registry.Error.Message);
        _registry.Register("a", Record("A", "x", "y"));
        Assert.Equal(42292, _registry.Error!.Code);
        Assert.NotNull(_registry.Run(ChangeRequests.Approve(_registry.State, _registry.Cache, 1, "User:bob", "", Now.AddHours(2))));
    }

    [Fact]
    public void NobodyPassesTheRulesByLooseningThem()
    {
        Govern(new Governance(["User:bob"], 1, []), "User:root");
        Assert.Null(Govern(null, "User:author"));
        Assert.Equal(42291, _registry.Error!.Code);
        _registry.Run(RegistrySettings.SetConfig(_registry.State, "a", new SubjectConfig(CompatibilityLevel.None, null), "User:author"));
        Assert.Equal(42291, _registry.Error!.Code);
        _registry.Run(RegistrySettings.SetMode(_registry.State, "a", RegistryMode.Import, false, "User:author"));
        Assert.Equal(42291, _registry.Error!.Code);
        _registry.Run(RegistryDeletes.DeleteSubject(_registry.State, "a", false, "User:author"));
        Assert.Equal(42291, _registry.Error!.Code);
        Assert.NotNull(Govern(null, "User:bob"));
        Assert.NotNull(_registry.Register("a", Record("A", "x")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void RulesThatNobodyCouldMeetAreRefused(int approvals)
    {
        Govern(new Governance(["User:bob", "User:carol"], approvals, []), "User:root");
        Assert.Equal(42293, _registry.Error!.Code);
    }

    private Governance? Govern(Governance? governance, string principal) =>
        _registry.Run(ChangeRequests.Govern(_registry.State, "a", governance, principal));

    private ChangeRequest? Approve(int id, string principal) =>
        _registry.Run(ChangeRequests.Approve(_registry.State, _registry.Cache, id, principal, "", Now));
}
