using System.Collections.Concurrent;
using System.Collections.Frozen;

namespace PipeRoll.Cel.Functions;

/// <summary>All functions of an environment, by name.</summary>
internal static class FunctionTable
{
    // Without functions of a host the table depends on the extensions only, and making it costs more than compiling an expression.
    private static readonly ConcurrentDictionary<CelExtensions, FrozenDictionary<string, CelOverload[]>> WithoutHost = new();

    public static FrozenDictionary<string, CelOverload[]> Build(CelExtensions extensions, Dictionary<string, List<CelOverload>> host) =>
        host.Count == 0 ? WithoutHost.GetOrAdd(extensions, each => Make(each, [])) : Make(extensions, host);

    private static FrozenDictionary<string, CelOverload[]> Make(CelExtensions extensions, Dictionary<string, List<CelOverload>> host)
    {
        var library = new Library();
        OperatorLibrary.AddTo(library);
        StandardLibrary.AddTo(library);
        ConversionLibrary.AddTo(library);
        TimeLibrary.AddTo(library);
        AddExtensions(library, extensions);
        foreach ((string name, List<CelOverload> overloads) in host)
        {
            library.Add(name, [.. overloads]);
        }

        return library.Functions.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.ToArray(), StringComparer.Ordinal);
    }

    private static void AddExtensions(Library library, CelExtensions extensions)
    {
        (CelExtensions Extension, Action<Library> Add)[] libraries =
        [
            (CelExtensions.Strings, StringLibrary.AddTo),
            (CelExtensions.Strings, FormatLibrary.AddTo),
            (CelExtensions.Math, MathLibrary.AddTo),
            (CelExtensions.Lists, ListLibrary.AddTo),
            (CelExtensions.Sets, SetLibrary.AddTo),
            (CelExtensions.Encoders, EncoderLibrary.AddTo),
            (CelExtensions.Optionals, OptionalLibrary.AddTo),
            (CelExtensions.Network, NetworkLibrary.AddTo),
        ];
        foreach ((CelExtensions extension, Action<Library> add) in libraries)
        {
            if (extensions.HasFlag(extension))
            {
                add(library);
            }
        }
    }
}

/// <summary>Functions while they are collected.</summary>
internal sealed class Library
{
    public Dictionary<string, List<CelOverload>> Functions { get; } = new(StringComparer.Ordinal);

    public void Add(string name, params ReadOnlySpan<CelOverload> overloads)
    {
        if (!Functions.TryGetValue(name, out List<CelOverload>? list))
        {
            Functions[name] = list = [];
        }

        list.AddRange(overloads);
    }
}
