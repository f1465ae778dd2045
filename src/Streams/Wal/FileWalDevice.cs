using System.Globalization;
using Microsoft.Win32.SafeHandles;
using PipeRoll.Foundation.IO;

namespace PipeRoll.Streams.Wal;

/// <summary>Segments as files of one folder, <c>0001.wal</c> and so on; a file keeps its name and size for ever.</summary>
/// <remarks>
/// Writes and syncs block the caller's thread, which is the log's own; making a segment runs on the thread pool beside
/// them. The folder is locked against a second process by an exclusively opened file. This is a true edge.
/// </remarks>
public sealed class FileWalDevice(string folder) : IWalDevice
{
    private const string Suffix = ".wal";
    private const string NewSuffix = ".new";
    private const string LockName = "lock";
    private readonly List<FileWalSegment> _segments = [];
    private Task<FileWalSegment> _creation = Task.FromResult<FileWalSegment>(null!);
    private FileStream? _lockFile;
    private int _lastNumber;

    public ValueTask<IReadOnlyList<IWalSegment>> OpenAsync(CancellationToken cancellation = default)
    {
        DurableFiles.CreateFolder(folder);
        _lockFile = LockFolder();
        foreach (string unfinished in Directory.EnumerateFiles(folder, "*" + NewSuffix))
        {
            File.Delete(unfinished);
        }

        foreach (string path in Directory.EnumerateFiles(folder, "*" + Suffix).Order(StringComparer.Ordinal))
        {
            if (!int.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                throw new CorruptDataException($"{path} is not a segment of the write-ahead log: move it elsewhere");
            }

            _lastNumber = Math.Max(_lastNumber, number);
            _segments.Add(FileWalSegment.Open(path));
        }

        return ValueTask.FromResult<IReadOnlyList<IWalSegment>>([.. _segments]);
    }

    public async ValueTask<IWalSegment> CreateSegmentAsync(long bytes, CancellationToken cancellation = default)
    {
        string path = Path.Combine(folder, $"{Interlocked.Increment(ref _lastNumber):D4}{Suffix}");
        // Zeros are written in the background: the log's own thread goes on meanwhile.
        Task<FileWalSegment> creation = Task.Factory.StartNew(
            () => Create(path, bytes), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _creation = creation;
        FileWalSegment segment = await creation;
        lock (_segments)
        {
            _segments.Add(segment);
        }

        return segment;
    }

    public async ValueTask DisposeAsync()
    {
        // Its failure is for whoever asked for the segment.
        await ((Task)_creation).ContinueWith(
            static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        if (_creation.IsCompletedSuccessfully)
        {
            (await _creation)?.Dispose();
        }

        lock (_segments)
        {
            foreach (FileWalSegment segment in _segments)
            {
                segment.Dispose();
            }

            _segments.Clear();
        }

        _lockFile?.Dispose();
    }

    private FileStream LockFolder()
    {
        string path = Path.Combine(folder, LockName);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException inUse)
        {
            throw new IOException($"the write-ahead log in {folder} is in use by another process: stop it, or use another folder", inUse);
        }
    }

    private FileWalSegment Create(string path, long bytes)
    {
        string unfinished = path + NewSuffix;
        try
        {
            // Real zeros, not a hole: the blocks are allocated and initialised, so that later writes change data only.
            using (var file = new SequentialFileWriter(unfinished))
            {
                file.AppendZeros(bytes);
                file.Complete();
            }

            File.Move(unfinished, path);
            DurableFiles.SyncFolder(folder);
            return FileWalSegment.Open(path);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }
}

/// <summary>One file, opened for good.</summary>
internal sealed class FileWalSegment : IWalSegment, IDisposable
{
    private readonly SafeFileHandle _handle;

    private FileWalSegment(string path, SafeFileHandle handle)
    {
        Name = path;
        _handle = handle;
        Bytes = RandomAccess.GetLength(handle);
    }

    public string Name { get; }

    public long Bytes { get; }

    public static FileWalSegment Open(string path) =>
        new(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read));

    public ValueTask WriteAsync(long position, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        RandomAccess.Write(_handle, buffers, position);
        return ValueTask.CompletedTask;
    }

    public ValueTask SyncAsync()
    {
        DurableFiles.SyncData(_handle);
        return ValueTask.CompletedTask;
    }

    public ValueTask<int> ReadAsync(long position, Memory<byte> destination)
    {
        int total = 0;
        while (total < destination.Length)
        {
            int read = RandomAccess.Read(_handle, destination.Span[total..], position + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return ValueTask.FromResult(total);
    }

    public void Dispose() => _handle.Dispose();
}
