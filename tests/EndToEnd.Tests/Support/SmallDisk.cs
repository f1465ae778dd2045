namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>A file system in memory of a given size, to run full. Mounting needs root, with or without sudo.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    public static async Task<SmallDisk> MountAsync(string path, int megabytes)
    {
        Directory.CreateDirectory(path);
        await AsRootAsync("mount", "-t", "tmpfs", "-o", $"size={megabytes}m,mode=1777", "tmpfs", path);
        return new SmallDisk(path);
    }

    public Task GrowAsync(int megabytes) => AsRootAsync("mount", "-o", $"remount,size={megabytes}m", Path);

    public void Dispose() => AsRootAsync("umount", Path).GetAwaiter().GetResult();

    private static async Task AsRootAsync(string file, params string[] arguments)
    {
        CommandResult result = Environment.UserName == "root"
            ? await Command.RunAsync(file, arguments)
            : await Command.RunAsync("sudo", ["-n", file, .. arguments]);
        result.Succeeded();
    }
}
