using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace PipeRoll.Foundation.IO;

/// <summary>The parts of making a file durable that .NET has no call for.</summary>
public static partial class DurableFiles
{
    private const int OpenReadOnly = 0;
    private const uint SyncFileRangeWrite = 2;
    private const int FileExists = 17; // EEXIST

    /// <summary>Makes names created, renamed or removed in the folder survive a power loss.</summary>
    /// <exception cref="IOException">The folder could not be opened or synced.</exception>
    public static void SyncFolder(string folder)
    {
        // Windows has no such call and needs none: NTFS journals names by itself.
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        // File.OpenHandle refuses folders.
        int descriptor = Open(folder, OpenReadOnly);
        if (descriptor < 0)
        {
            throw new IOException($"can't open the folder {folder} to sync it: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.FlushToDisk(handle);
    }

    /// <summary>Creates the folder and its missing parents durably.</summary>
    public static void CreateFolder(string folder)
    {
        string full = Path.GetFullPath(folder);
        if (Directory.Exists(full))
        {
            return;
        }

        string? parent = Path.GetDirectoryName(full);
        if (parent is not null)
        {
            CreateFolder(parent);
        }

        Directory.CreateDirectory(full);
        if (parent is not null)
        {
            SyncFolder(parent);
        }
    }

    /// <summary>
    /// Makes the file's bytes durable, and of its metadata only what reading them back needs: no journal write for a
    /// changed modification time, as a full sync makes.
    /// </summary>
    /// <exception cref="IOException">The sync failed: what was written may be lost, and must not be synced again.</exception>
    public static void SyncData(SafeFileHandle handle)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(handle);
            return;
        }

        if (FDataSync(handle) != 0)
        {
            throw new IOException($"fdatasync failed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>
    /// Asks the kernel to start writing the range, without waiting and without making anything durable: a large file
    /// then reaches the disk evenly, and its sync at the end does not hold up the syncs of others.
    /// </summary>
    public static void StartWriteBack(SafeFileHandle handle, long position, long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            // A hint: when it fails, the sync later does all the work.
            _ = SyncFileRange(handle, position, bytes, SyncFileRangeWrite);
        }
    }

    /// <summary>
    /// Gives a file its name, unless that name is taken: of several racing calls one succeeds. The temporary name may
    /// or may not remain.
    /// </summary>
    /// <returns>False when the name is taken.</returns>
    public static bool TryPublish(string temporary, string path)
    {
        if (OperatingSystem.IsWindows())
        {
            try
            {
                File.Move(temporary, path, overwrite: false);
                return true;
            }
            catch (IOException) when (File.Exists(path))
            {
                return false;
            }
        }

        // File.Move looks first and renames then, so that two may both succeed; a hard link is made once only.
        if (Link(temporary, path) == 0)
        {
            return true;
        }

        return Marshal.GetLastPInvokeError() == FileExists
            ? false
            : throw new IOException($"can't give {temporary} the name {path}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string from, string to);

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SyncFileRange(SafeFileHandle handle, long offset, long bytes, uint flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int FDataSync(SafeFileHandle handle);
}
