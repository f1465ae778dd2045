using Microsoft.Win32.SafeHandles;
using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Foundation.IO;

/// <summary>
/// Writes a new file from front to back, past the page cache: large files that nobody reads soon then cost neither the memory of
/// their pages nor a burst of write-back at the end that holds up the syncs of others.
/// </summary>
/// <remarks>
/// Owner: one caller at a time; calls block. Failure: whatever a write throws leaves the file incomplete, and its end is up to the caller. Where
/// the cache can't be bypassed, write-back is started as it goes.
/// </remarks>
public sealed class SequentialFileWriter : IDisposable
{
    private const int StagingBytesMax = 2 * 1024 * 1024;
    private readonly SafeFileHandle _handle;
    private readonly AlignedBuffer _staging;
    private readonly bool _direct;
    private long _written;
    private int _staged;
    private bool _complete;

    /// <param name="path">Must not exist yet.</param>
    /// <param name="bytesExpected">Sizes the staging memory; the file may come out shorter or longer.</param>
    public SequentialFileWriter(string path, long bytesExpected = StagingBytesMax)
    {
        _handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        _direct = DirectFile.TryBypassCache(_handle);
        long pages = (Math.Clamp(bytesExpected, 1, StagingBytesMax) + DirectFile.AlignmentBytes - 1) / DirectFile.AlignmentBytes;
        _staging = new AlignedBuffer((int)pages * DirectFile.AlignmentBytes);
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int taken = Math.Min(bytes.Length, _staging.Length - _staged);
            bytes[..taken].CopyTo(_staging.Span[_staged..]);
            _staged += taken;
            bytes = bytes[taken..];
            if (_staged == _staging.Length)
            {
                WriteStaged(_staged);
                _staged = 0;
            }
        }
    }

    /// <summary>Appends so many zeros; they are not copied for each write, which for a whole file would keep a core busy.</summary>
    public void AppendZeros(long count)
    {
        bool isClear = false;
        while (count > 0)
        {
            int taken = (int)Math.Min(count, _staging.Length - _staged);
            if (!isClear)
            {
                _staging.Span.Slice(_staged, taken).Clear();
                isClear = taken == _staging.Length;
            }

            _staged += taken;
            count -= taken;
            if (_staged == _staging.Length)
            {
                WriteStaged(_staged);
                _staged = 0;
            }
        }
    }

    /// <summary>Writes the rest and makes the file's bytes and length durable. May be called again when it failed.</summary>
    public void Complete()
    {
        if (_complete)
        {
            return;
        }

        if (_staged > 0)
        {
            // Whole pages only: what is too much is cut off again.
            int padded = (_staged + DirectFile.AlignmentBytes - 1) / DirectFile.AlignmentBytes * DirectFile.AlignmentBytes;
            _staging.Span[_staged..padded].Clear();
            long length = _written + _staged;
            RandomAccess.Write(_handle, _staging.Span[..padded], _written);
            RandomAccess.SetLength(_handle, length);
        }

        RandomAccess.FlushToDisk(_handle);
        _complete = true;
        Dispose();
    }

    public void Dispose()
    {
        _handle.Dispose();
        _staging.Dispose();
    }

    private void WriteStaged(int bytes)
    {
        RandomAccess.Write(_handle, _staging.Span[..bytes], _written);
        if (!_direct)
        {
            DurableFiles.StartWriteBack(_handle, _written, bytes);
        }

        _written += bytes;
    }
}
