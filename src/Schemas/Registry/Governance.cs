using System.Collections.Immutable;

namespace PipeRoll.Schemas.Registry;

/// <summary>A time in which nothing may change. Ends are exclusive.</summary>
public sealed record FreezeWindow(DateTimeOffset From, DateTimeOffset To, string Reason)
{
    public bool Holds(DateTimeOffset now) => From <= now && now < To;
}

/// <summary>How a subject is governed.</summary>
/// <param name="Approvers">Principals; empty: nobody needs to approve.</param>
/// <param name="Approvals">How many of them must, at least 1; never the author.</param>
public sealed record Governance(ImmutableArray<string> Approvers, int Approvals, ImmutableArray<FreezeWindow> Freezes)
{
    public bool NeedsApproval => !Approvers.IsEmpty;

    public FreezeWindow? FreezeAt(DateTimeOffset now) => Freezes.FirstOrDefault(freeze => freeze.Holds(now));

    /// <returns>Null when it can be lived by, else what is wrong.</returns>
    public string? FindProblem()
    {
        if (Approvers.Any(string.IsNullOrWhiteSpace) || Approvers.Distinct(StringComparer.Ordinal).Count() != Approvers.Length)
        {
            return "approvers are names of principals such as User:alice, each once";
        }

        if (Approvals < 1 || (NeedsApproval && Approvals > Approvers.Length))
        {
            return $"approvals is {Approvals}: give a number from 1 to how many approvers there are ({Approvers.Length})";
        }

        FreezeWindow? wrong = Freezes.FirstOrDefault(static freeze => freeze.To <= freeze.From);
        return wrong is null ? null : $"the freeze from {wrong.From:u} ends at {wrong.To:u}, which is not later";
    }
}

public enum RequestState
{
    Pending,
    Approved,
    Rejected,
}

/// <summary>Something that was done with a request.</summary>
/// <param name="What">requested, approved, rejected or registered.</param>
public sealed record RequestStep(DateTimeOffset At, string By, string What, string Comment);

/// <summary>A version that waits to be let into a governed subject, and all that was done about it.</summary>
/// <param name="Id">Counted from 1 on; never given twice.</param>
/// <param name="SchemaId">Of the version that it became; 0 until then.</param>
public sealed record ChangeRequest(
    int Id, string Subject, SchemaContent Content, string Author, RequestState State, int SchemaId, int Version, ImmutableArray<RequestStep> Steps)
{
    public IEnumerable<string> ApprovedBy => Steps.Where(static step => step.What == "approved").Select(static step => step.By);
}
