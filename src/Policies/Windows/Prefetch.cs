using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace PipeRoll.Policies.Windows;

/// <summary>
/// Asks the processor to bring memory near before it is read. The keys of a window lie all over memory, so nearly every step of finding
/// one waits for it; what is asked for in time arrives while something else is done. A hint: no result depends on it.
/// </summary>
internal static unsafe class Prefetch
{
    private const int LineBytes = 64;

    /// <summary>Where the elements of an array begin, behind its type and length.</summary>
    private const int ElementsAt = 16;

    // Objects may be moved between taking the address and the hint; then the hint is wasted, and nothing else.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Line<T>(ref readonly T place)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.AsRef(in place)));
        }
    }

    /// <summary>
    /// The line of an element and of the array's length, without touching either: checking the index would wait for the very memory that is asked for.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Element<T>(T[] array, int index)
    {
        if (Sse.IsSupported)
        {
            byte* at = (byte*)Unsafe.As<T[], nint>(ref array);
            Sse.Prefetch0(at);
            Sse.Prefetch0(at + ElementsAt + ((nint)index * Unsafe.SizeOf<T>()));
        }
    }

    /// <summary>All lines that a value lies in, up to two and a half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lines<T>(ref readonly T place)
    {
        if (Sse.IsSupported)
        {
            byte* at = (byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in place));
            Sse.Prefetch0(at);
            Sse.Prefetch0(at + LineBytes);
            if (Unsafe.SizeOf<T>() > LineBytes)
            {
                Sse.Prefetch0(at + Unsafe.SizeOf<T>() - 1);
            }
        }
    }
}
