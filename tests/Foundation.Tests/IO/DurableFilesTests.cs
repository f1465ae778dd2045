using PipeRoll.Foundation.IO;

namespace PipeRoll.Foundation.Tests.IO;

public sealed class DurableFilesTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("piperoll-files-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Folders_are_made_with_their_parents_and_synced()
    {
        string folder = Path.Combine(_root, "a", "b", "c");
        DurableFiles.CreateFolder(folder);
        DurableFiles.CreateFolder(folder);
        Assert.True(Directory.Exists(folder));
        DurableFiles.SyncFolder(folder);
    }

    [Fact]
    public void Syncing_a_folder_that_is_not_there_fails_and_says_which()
    {
        string missing = Path.Combine(_root, "missing");
        var failure = Assert.Throws<IOException>(() => DurableFiles.SyncFolder(missing));
        Assert.Contains(missing, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_synced_file_has_its_bytes()
    {
        string path = Path.Combine(_root, "file");
        using (var handle = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite))
        {
            RandomAccess.Write(handle, "hello"u8, 0);
            DurableFiles.StartWriteBack(handle, 0, 5);
            DurableFiles.SyncData(handle);
        }

        Assert.Equal("hello", File.ReadAllText(path));
    }

    [Fact]
    public void A_name_is_given_once()
    {
        string first = Path.Combine(_root, "first");
        string second = Path.Combine(_root, "second");
        File.WriteAllText(first, "1");
        File.WriteAllText(second, "2");
        string name = Path.Combine(_root, "name");
        Assert.True(DurableFiles.TryPublish(first, name));
        Assert.False(DurableFiles.TryPublish(second, name));
        Assert.Equal("1", File.ReadAllText(name));
        Assert.Throws<IOException>(() => DurableFiles.TryPublish(Path.Combine(_root, "missing"), Path.Combine(_root, "other")));
    }

    [Fact]
    public void A_sync_that_the_system_refuses_is_reported()
    {
        // A pipe has nothing to sync.
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream();
        using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(pipe.SafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        Assert.Throws<IOException>(() => DurableFiles.SyncData(handle));
    }
}
