using Microsoft.Win32.SafeHandles;
using PipeRoll.Foundation.IO;

namespace PipeRoll.Streams.Stores;

/// <summary>Objects as files below one folder: a temporary name, a sync, a rename, a sync of the folder.</summary>
/// <remarks>
/// A true edge: work runs on the thread pool. A crash leaves at most files with a temporary name, which the next
/// instance removes. A full disk counts as transient: somebody or the retention frees space.
/// </remarks>
public sealed class DiskObjectStore : IObjectStore
{
    private const string TemporarySuffix = ".tmp";
    private const int NoSpaceCode = 28; // ENOSPC
    private readonly string _root;
    private long _lastTemporary;

    /// <param name="folder">Made when it does not exist. Only one store may use it at a time.</param>
    public DiskObjectStore(string folder)
    {
        _root = Path.GetFullPath(folder);
        DurableFiles.CreateFolder(_root);
        foreach (string left in Directory.EnumerateFiles(_root, "*" + TemporarySuffix, SearchOption.AllDirectories))
        {
            File.Delete(left);
        }
    }

    public async ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default)
    {
        string path = PathOf(key);
        await Run(() =>
        {
            string temporary = NewTemporary(path);
            try
            {
                using (SequentialFileWriter file = Create(temporary, content.Sum(part => (long)part.Length)))
                {
                    Write(file, content);
                    file.Complete();
                }

                Publish(temporary, path, condition, key);
            }
            finally
            {
                File.Delete(temporary);
            }
        }, key, cancellation);
    }

    public async ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default)
    {
        string path = PathOf(key);
        var upload = new Upload(this, key, path, NewTemporary(path));
        await Run(upload.Open, key, cancellation);
        return upload;
    }

    public async ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default)
    {
        string path = PathOf(key);
        int read = 0;
        await Run(() =>
        {
            using SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            while (read < destination.Length)
            {
                int more = RandomAccess.Read(handle, destination.Span[read..], position + read);
                if (more == 0)
                {
                    break;
                }

                read += more;
            }
        }, key, cancellation);
        return read;
    }

    public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default)
    {
        string[] paths = [.. keys.Select(PathOf)];
        await Run(() =>
        {
            foreach (string path in paths.Where(File.Exists))
            {
                File.Delete(path);
            }

            foreach (string folder in paths.Select(p => Path.GetDirectoryName(p)!).Distinct().Where(Directory.Exists))
            {
                DurableFiles.SyncFolder(folder);
            }
        }, keys.Count == 0 ? "" : keys[0], cancellation);
    }

    public async ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default)
    {
        var found = new List<StoredObject>();
        await Run(() => found.AddRange(new DirectoryInfo(_root).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(f => !f.Name.EndsWith(TemporarySuffix, StringComparison.Ordinal))
            .Select(f => new StoredObject(Path.GetRelativePath(_root, f.FullName).Replace('\\', '/'), f.Length) { StoredAt = f.LastWriteTimeUtc })
            .Where(o => o.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(o.Key, after) > 0)
            .OrderBy(o => o.Key, StringComparer.Ordinal).Take(max)), prefix, cancellation);
        return found;
    }

    private string PathOf(string key)
    {
        ObjectKeys.Check(key);
        return Path.Combine(_root, key);
    }

    private string NewTemporary(string path) => $"{path}.{Interlocked.Increment(ref _lastTemporary)}{TemporarySuffix}";

    private static SequentialFileWriter Create(string temporary, long bytesExpected)
    {
        DurableFiles.CreateFolder(Path.GetDirectoryName(temporary)!);
        return new SequentialFileWriter(temporary, bytesExpected);
    }

    private static void Write(SequentialFileWriter file, IReadOnlyList<ReadOnlyMemory<byte>> content)
    {
        foreach (ReadOnlyMemory<byte> part in content)
        {
            file.Append(part.Span);
        }
    }

    private static void Publish(string temporary, string path, PutCondition condition, string key)
    {
        if (condition == PutCondition.None)
        {
            File.Move(temporary, path, overwrite: true);
        }
        else if (!DurableFiles.TryPublish(temporary, path))
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.AlreadyExists, $"object {key} exists already");
        }

        DurableFiles.SyncFolder(Path.GetDirectoryName(path)!);
    }

    private static async ValueTask Run(Action work, string key, CancellationToken cancellation)
    {
        try
        {
            await Task.Factory.StartNew(work, cancellation, TaskCreationOptions.None, TaskScheduler.Default);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.NotFound, $"there is no object {key}", missing);
        }
        catch (IOException full) when ((full.HResult & 0xffff) == NoSpaceCode)
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.Transient, $"the disk is full: free some space to store {key}", full);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ObjectStoreException(ObjectStoreErrorKind.Permanent, $"object {key}: {failure.Message}", failure);
        }
    }

    private sealed class Upload(DiskObjectStore store, string key, string path, string temporary) : IObjectUpload
    {
        private SequentialFileWriter? _file;

        public void Open() => _file = Create(temporary, long.MaxValue);

        public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation = default)
        {
            try
            {
                await Run(() => Write(Opened, part), key, cancellation);
            }
            catch (ObjectStoreException half) when (half.Transient)
            {
                // Half of the part may be in the file: only the whole upload can be repeated.
                throw new ObjectStoreException(ObjectStoreErrorKind.Permanent, half.Message, half);
            }
        }

        /// <summary>May be called again when it failed: what is done is not done twice.</summary>
        public ValueTask CompleteAsync(CancellationToken cancellation = default) => Run(() =>
        {
            Opened.Complete();
            Publish(temporary, path, PutCondition.None, key);
        }, key, cancellation);

        public ValueTask DisposeAsync()
        {
            _file?.Dispose();
            return Run(() => File.Delete(temporary), store._root, CancellationToken.None);
        }

        private SequentialFileWriter Opened => _file ?? throw new InvalidOperationException("the upload was not opened");
    }
}
