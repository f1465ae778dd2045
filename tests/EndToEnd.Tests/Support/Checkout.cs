using System.Reflection;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>Where the binaries under test and the outside clients lie.</summary>
internal static class Checkout
{
    private static readonly string Here = Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!;

    public static string Root { get; } = FindRoot();

    // .../bin/Release/net10.0: the server is tested in the configuration that these tests were built in.
    private static string Configuration => Path.GetFileName(Path.GetDirectoryName(Here)!);

    public static string Server => Path.Combine(Root, "src", "Server", "bin", Configuration, "net10.0", "PipeRoll.Server");

    public static string Cli => Path.Combine(Root, "src", "Cli", "bin", Configuration, "net10.0", "PipeRoll.Cli");

    public static string Clients => Path.Combine(Root, "tests", "EndToEnd.Tests", "Clients");

    /// <summary>The folder of real inputs that lies beside the checkout, or null where it is not present.</summary>
    public static string? SharedData
    {
        get
        {
            string path = Path.Combine(Root, "..", "shared", "data");
            return Directory.Exists(path) ? Path.GetFullPath(path) : null;
        }
    }

    private static string FindRoot()
    {
        string? folder = Here;
        while (folder is not null && !File.Exists(Path.Combine(folder, "PipeRoll.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("PipeRoll.slnx is not above the test's own folder");
    }
}
