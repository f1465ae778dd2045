namespace PipeRoll.EndToEnd.Tests.Support;

internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("piperoll-e2e-").FullName;

    public string Path { get; }

    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable("PIPEROLL_TEST_KEEP") is null)
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
