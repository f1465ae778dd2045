using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace PipeRoll.Foundation.IO;

/// <summary>Opens files past the page cache, where the system can (O_DIRECT of open(2)).</summary>
/// <remarks>
/// A byte that is written once and not read soon costs a page of memory, a copy and the kernel's bookkeeping when it goes through
/// the cache. Positions, lengths and memory must then be multiples of <see cref="AlignmentBytes"/>.
/// </remarks>
public static partial class DirectFile
{
    /// <summary>A page: a multiple of every sector size in use.</summary>
    public const int AlignmentBytes = 4096;

    private const int GetFlags = 3; // F_GETFL
    private const int SetFlags = 4; // F_SETFL

    /// <summary>
    /// From now on reads and writes through this handle bypass the page cache. A hint for speed: where it fails, the handle works as
    /// before, and aligned access is merely not needed.
    /// </summary>
    public static bool TryBypassCache(SafeFileHandle handle)
    {
        int direct = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 0x4000,
            Architecture.Arm64 => 0x10000,
            _ => 0,
        };
        if (!OperatingSystem.IsLinux() || direct == 0)
        {
            return false;
        }

        int flags = FileControl(handle, GetFlags, 0);
        return flags >= 0 && FileControl(handle, SetFlags, flags | direct) == 0;
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int FileControl(SafeFileHandle handle, int command, int argument);
}
