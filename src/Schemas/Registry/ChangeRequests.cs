namespace PipeRoll.Schemas.Registry;

/// <summary>
/// The way of a version into a governed subject: asked for by one principal, approved by others, then registered; or rejected. Pure. Who may approve,
/// how many must and when nobody may is the subject's <see cref="Governance"/> at the time of the step.
/// </summary>
public static class ChangeRequests
{
    /// <summary>Refuses with the request that waits; asking again for the same makes no second one.</summary>
    internal static RegistryPlan<SchemaVersion> Ask(
        RegistryState state, string subject, SchemaContent content, Governance governance, string author, DateTimeOffset now)
    {
        ChangeRequest? waiting = state.Requests.Values.LastOrDefault(
            request => request.Subject == subject && request.State == RequestState.Pending && IsSame(request.Content, content));
        if (waiting is not null)
        {
            return RegistryPlan.Refuse<SchemaVersion>(RegistryError.NeedsApproval(subject, waiting, governance));
        }

        int id = (state.Requests.IsEmpty ? 0 : state.Requests.Keys.Last()) + 1;
        var made = new ChangeRequest(id, subject, content, author, RequestState.Pending, 0, 0, [new RequestStep(now, author, "requested", "")]);
        return RegistryPlan.Refuse<SchemaVersion>(RegistryError.NeedsApproval(subject, made, governance), new RequestRecord(made));
    }

    /// <summary>The approval that is the last one needed registers the version, in the same write.</summary>
    public static RegistryPlan<ChangeRequest> Approve(
        RegistryState state, SchemaCache cache, int id, string principal, string comment, DateTimeOffset now)
    {
        if (Refuse(state, id, principal, now, out ChangeRequest? request, out Governance? governance) is { } error)
        {
            return RegistryPlan.Refuse<ChangeRequest>(error);
        }

        if (request!.ApprovedBy.Contains(principal))
        {
            return RegistryPlan.Do(request);
        }

        ChangeRequest approved = request with { Steps = request.Steps.Add(new RequestStep(now, principal, "approved", comment)) };
        if (approved.ApprovedBy.Count() < (governance?.Approvals ?? 1))
        {
            return RegistryPlan.Do(approved, new RequestRecord(approved));
        }

        // Time has passed since it was asked for: other versions may have come.
        var draft = new SchemaDraft(request.Content.Type, request.Content.Text, request.Content.References);
        (_, ParsedSchema? parsed, RegistryError? invalid) = RegistryRules.Parse(state, request.Subject, draft, normalize: false);
        if (invalid is not null)
        {
            return RegistryPlan.Refuse<ChangeRequest>(invalid);
        }

        if (RegistryRules.Check(state, cache, request.Subject, parsed!, state.CompatibilityOf(request.Subject)) is { IsCompatible: false } verdict)
        {
            return RegistryPlan.Refuse<ChangeRequest>(RegistryError.Incompatible(request.Subject, verdict.Messages));
        }

        SchemaVersion? there = state.Find(request.Subject, request.Content, withDeleted: false);
        SchemaVersion made = there ?? RegistryRules.Next(state, request.Subject, request.Content);
        ChangeRequest done = approved with
        {
            State = RequestState.Approved,
            SchemaId = made.Id,
            Version = made.Version,
            Steps = approved.Steps.Add(new RequestStep(now, principal, "registered", $"version {made.Version}, id {made.Id}")),
        };
        return there is null
            ? RegistryPlan.Do(done, new RequestRecord(done), new SchemaRecord(made))
            : RegistryPlan.Do(done, new RequestRecord(done));
    }

    public static RegistryPlan<ChangeRequest> Reject(RegistryState state, int id, string principal, string comment, DateTimeOffset now)
    {
        // Its author may take it back, and a freeze keeps nobody from saying no.
        if (!state.Requests.TryGetValue(id, out ChangeRequest? request))
        {
            return RegistryPlan.Refuse<ChangeRequest>(RegistryError.RequestNotFound(id));
        }

        if (request.State != RequestState.Pending)
        {
            return RegistryPlan.Refuse<ChangeRequest>(Decided(request));
        }

        if (principal != request.Author && RefuseUnlessApprover(state, request.Subject, principal) is { } forbidden)
        {
            return RegistryPlan.Refuse<ChangeRequest>(forbidden);
        }

        ChangeRequest rejected = request with
        {
            State = RequestState.Rejected,
            Steps = request.Steps.Add(new RequestStep(now, principal, "rejected", comment)),
        };
        return RegistryPlan.Do(rejected, new RequestRecord(rejected));
    }

    /// <param name="subject">Null for all that say nothing themselves.</param>
    /// <param name="governance">Null takes it away.</param>
    public static RegistryPlan<Governance?> Govern(RegistryState state, string? subject, Governance? governance, string principal)
    {
        if (governance?.FindProblem() is { } problem)
        {
            return RegistryPlan.Refuse<Governance?>(RegistryError.InvalidGovernance(problem));
        }

        Governance? before = state.Governance(subject);
        if (governance is null && before is null)
        {
            return RegistryPlan.Refuse<Governance?>(RegistryError.NotGoverned(subject ?? "all subjects"));
        }

        // Whoever could loosen the rules could pass them by.
        Governance? holding = before ?? (subject is null ? null : state.GovernanceOf(subject));
        return holding is { NeedsApproval: true } && !holding.Approvers.Contains(principal)
            ? RegistryPlan.Refuse<Governance?>(RegistryError.Governed(subject ?? "all subjects", NotApprover(holding, principal)))
            : RegistryPlan.Do(governance ?? before, new GovernanceRecord(subject, governance));
    }

    /// <summary>Whatever else changes a governed subject (deletes, levels, modes) is an approver's to do.</summary>
    internal static RegistryError? RefuseUnlessApprover(RegistryState state, string? subject, string principal) =>
        (subject is null ? state.Governance(null) : state.GovernanceOf(subject)) is { NeedsApproval: true } governance
            && !governance.Approvers.Contains(principal)
            ? RegistryError.Governed(subject ?? "all subjects", NotApprover(governance, principal))
            : null;

    private static RegistryError? Refuse(
        RegistryState state, int id, string principal, DateTimeOffset now, out ChangeRequest? request, out Governance? governance)
    {
        governance = null;
        if (!state.Requests.TryGetValue(id, out request))
        {
            return RegistryError.RequestNotFound(id);
        }

        if (request.State != RequestState.Pending)
        {
            return Decided(request);
        }

        governance = state.GovernanceOf(request.Subject);
        if (principal == request.Author)
        {
            return RegistryError.Governed(request.Subject, $"{principal} asked for change request {id} and so can't approve it: another approver must");
        }

        return governance?.FreezeAt(now) is { } freeze
            ? RegistryError.Frozen(request.Subject, freeze)
            : RefuseUnlessApprover(state, request.Subject, principal);
    }

    private static RegistryError Decided(ChangeRequest request) => RegistryError.Governed(
        request.Subject, $"change request {request.Id} is {request.State.ToString().ToLowerInvariant()} already");

    private static string NotApprover(Governance governance, string principal) =>
        $"this is for {string.Join(", ", governance.Approvers)} to do, not for {principal}";

    private static bool IsSame(SchemaContent one, SchemaContent other) =>
        one.Type == other.Type && one.Text == other.Text && one.References.SequenceEqual(other.References);
}
