using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace PipeRoll.Policies.Engine;

/// <summary>
/// SHA-256 of small inputs, one after another. The platform's way costs more around the hash than the hash of an event does, so
/// OpenSSL's plain functions are called where they are to be had; elsewhere the platform's way gives the same digests. Owner: one engine.
/// </summary>
// The hash holds one native handle that its finalizer frees; an engine that had to be disposed of would be a trap.
#pragma warning disable CA1001
internal sealed unsafe class Sha256
#pragma warning restore CA1001
{
    public const int Bytes = 32;

    /// <summary>OpenSSL's SHA256_CTX is 112 bytes in all its versions.</summary>
    private const int ContextLongs = 32;

    private static readonly Functions Native = Functions.Find();
    private readonly IncrementalHash? _managed;

    /// <param name="isPortable">Whether to take the platform's way in any case.</param>
    public Sha256(bool isPortable = false) =>
        _managed = Native.IsComplete && !isPortable ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Writes the digest of some bytes.</summary>
    public void Hash(ReadOnlySpan<byte> bytes, Span<byte> digest)
    {
        if (_managed is not null)
        {
            _managed.AppendData(bytes);
            _managed.GetHashAndReset(digest);
            return;
        }
        long* context = stackalloc long[ContextLongs];
        fixed (byte* from = bytes)
        fixed (byte* to = digest[..Bytes])
        {
            bool isDone = Native.Init(context) == 1 && Native.Update(context, from, (nuint)bytes.Length) == 1 && Native.Final(to, context) == 1;
            if (!isDone)
            {
                throw new CryptographicException("libcrypto refused to hash");
            }
        }
    }

    /// <summary>What libcrypto exports. The calls are so short that telling the garbage collector about each would cost as much again.</summary>
    private readonly struct Functions
    {
        public readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<void*, int> Init;
        public readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<void*, byte*, nuint, int> Update;
        public readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, void*, int> Final;

        private Functions(nint library)
        {
            if (NativeLibrary.TryGetExport(library, "SHA256_Init", out nint init)
                && NativeLibrary.TryGetExport(library, "SHA256_Update", out nint update)
                && NativeLibrary.TryGetExport(library, "SHA256_Final", out nint final))
            {
                Init = (delegate* unmanaged[Cdecl, SuppressGCTransition]<void*, int>)init;
                Update = (delegate* unmanaged[Cdecl, SuppressGCTransition]<void*, byte*, nuint, int>)update;
                Final = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, void*, int>)final;
            }
        }

        public bool IsComplete => Final is not null;

        public static Functions Find() => NativeLibrary.TryLoad("libcrypto.so.3", out nint library) ? new Functions(library) : default;
    }
}
