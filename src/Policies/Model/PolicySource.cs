namespace PipeRoll.Policies;

/// <summary>Everything a policy is made from: the text of its file, and the bytes of the list files that it names.</summary>
/// <param name="FileName">Shown in problems.</param>
/// <param name="Yaml">The policy file's text.</param>
/// <param name="ListFiles">By the name that the policy file uses; a file that is missing here is reported as a problem.</param>
public sealed record PolicySource(string FileName, string Yaml, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> ListFiles)
{
    /// <summary>A policy without list files.</summary>
    public PolicySource(string fileName, string yaml)
        : this(fileName, yaml, new Dictionary<string, ReadOnlyMemory<byte>>())
    {
    }

    /// <summary>
    /// Lists that take the place of what the policy file says where they come from, by the list's name: to try another version.
    /// </summary>
    public IReadOnlyDictionary<string, ListDocument> ListDocuments { get; init; } = new Dictionary<string, ListDocument>();
}
