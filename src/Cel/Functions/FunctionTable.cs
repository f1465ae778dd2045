using System.Collections.Frozen;

namespace PipeRoll.Cel.Functions;

/// <summary>All functions of an environment, by name.</summary>
internal static class FunctionTable
{
    public static FrozenDictionary<string, CelOverload[]> Build(CelExtensions extensions, Dictionary<string, List<CelOverload>> host)
    {
        var library = new Library();
        OperatorLibrary.AddTo(library);
        StandardLibrary.AddTo(library);
        ConversionLibrary.AddTo(library);
        foreach ((string name, List<CelOverload> overloads) in host)
        {
            library.Add(name, [.. overloads]);
        }

        return library.Functions.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.ToArray(), StringComparer.Ordinal);
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
