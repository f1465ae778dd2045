namespace PipeRoll.Cli.Commands;

/// <summary>Where the sample policies and workflows lie: PIPEROLL_SAMPLES, or a folder "samples" beside or above the command.</summary>
internal static class Samples
{
    /// <summary>The scripts that start a bucket and a database: beside the samples, in <c>build/servers</c> of a checkout.</summary>
    public static string Servers()
    {
        string scripts = Path.Combine(Find(), "..", "build", "servers");
        return File.Exists(Path.Combine(scripts, "rgw.sh"))
            ? Path.GetFullPath(scripts)
            : throw new UsageException("--cluster needs the scripts of build/servers, which only a checkout has");
    }

    public static string Find()
    {
        if (Environment.GetEnvironmentVariable("PIPEROLL_SAMPLES") is { Length: > 0 } given)
        {
            return given;
        }

        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string samples = Path.Combine(folder.FullName, "samples");
            if (Directory.Exists(Path.Combine(samples, "policies")))
            {
                return samples;
            }
        }

        throw new UsageException("the sample policies were not found: set PIPEROLL_SAMPLES to the folder, or give --policy FILE");
    }
}
