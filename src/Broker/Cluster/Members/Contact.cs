namespace PipeRoll.Broker.Cluster.Members;

/// <summary>
/// Since when a broker has been in unbroken contact with the database: every call answered, and no silence as long as a session. Whoever
/// was away itself can't tell who else was.
/// </summary>
/// <param name="Since">Timestamp of the first call of the unbroken row; null while there is no contact.</param>
/// <param name="Last">When the last answered call was sent.</param>
internal readonly record struct Contact(long? Since, long Last)
{
    public static readonly Contact None;

    /// <param name="sentAt">When the call was sent: what its answer says is true at some instant after.</param>
    public Contact Answered(long sentAt, TimeSpan session, TimeProvider time) =>
        Since is not null && time.GetElapsedTime(Last, sentAt) < session ? this with { Last = sentAt } : new Contact(sentAt, sentAt);

    public Contact Failed() => this with { Since = null };

    /// <summary>Whether the contact has lasted a full session and goes on now.</summary>
    public bool HasLasted(TimeSpan session, long now, TimeProvider time) =>
        Since is { } since && time.GetElapsedTime(since, now) >= session && time.GetElapsedTime(Last, now) < session;

    /// <summary>Whether an answer came within the last session.</summary>
    public bool IsFresh(TimeSpan session, long now, TimeProvider time) =>
        Since is not null && time.GetElapsedTime(Last, now) < session;
}
