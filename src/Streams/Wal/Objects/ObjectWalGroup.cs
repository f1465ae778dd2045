namespace PipeRoll.Streams.Wal.Objects;

/// <summary>A group on its way into an object of its own.</summary>
/// <remarks>The log's lock guards it. The references on its batches are given back once, when neither the log nor a request reads them.</remarks>
internal sealed class ObjectWalGroup
{
    public WalGroup Group { get; } = new();

    public long Number => (long)Group.Sequence;

    /// <summary>Somebody waits for the end of what was appended: it is written without waiting for company.</summary>
    public bool IsUrgent { get; set; }

    public bool IsUnderWay { get; set; }

    /// <summary>Its object is there, and ours.</summary>
    public bool IsStored { get; set; }

    public bool HasFailed { get; private set; }

    /// <summary>Ends its task with an error; a request under way goes on reading the batches until it has ended.</summary>
    public void Fail(Exception failure)
    {
        HasFailed = true;
        Group.Fail(failure);
        if (!IsUnderWay)
        {
            Release();
        }
    }

    public void Release()
    {
        foreach (WalRecord record in Group.Records)
        {
            record.Batch.Owner?.Release();
        }
    }
}
