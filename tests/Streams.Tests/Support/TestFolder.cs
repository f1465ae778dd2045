namespace PipeRoll.Streams.Tests.Support;

/// <summary>A folder of one test, gone when it ends.</summary>
public sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("piperoll-streams-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
