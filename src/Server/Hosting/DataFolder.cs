namespace PipeRoll.Server.Hosting;

/// <summary>The server's folder, held by one process at a time.</summary>
/// <remarks>Two servers in one folder would each believe that the log is theirs, so the second is refused at start.</remarks>
public sealed class DataFolder : IDisposable
{
    private readonly FileStream _lock;

    private DataFolder(string path, FileStream heldLock)
    {
        Path = path;
        _lock = heldLock;
    }

    public string Path { get; }

    /// <exception cref="ServerStartException">The folder can't be made or written, or another server holds it.</exception>
    public static DataFolder Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(full);
            var held = new FileStream(System.IO.Path.Combine(full, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new DataFolder(full, held);
        }
        catch (IOException taken) when (File.Exists(System.IO.Path.Combine(full, "lock")))
        {
            throw new ServerStartException($"another server already runs on {full}: stop it, or give this one a folder of its own with --data", taken);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new ServerStartException(
                $"the data folder {full} can't be written ({refused.Message}); make it writable or give another with --data", refused);
        }
    }

    public void Dispose() => _lock.Dispose();
}

/// <summary>The server can't start; the message says what to do, and is all that the user needs to see.</summary>
public sealed class ServerStartException(string message, Exception? inner = null) : Exception(message, inner);
