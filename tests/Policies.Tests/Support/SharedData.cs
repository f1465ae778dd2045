namespace PipeRoll.Policies.Tests.Support;

/// <summary>Public data sets that lie beside the repository in <c>shared/data</c>; tests that need one are skipped where there is none.</summary>
internal static class SharedData
{
    public static string Folder(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "shared", "data", name);
            if (Directory.Exists(path))
            {
                return path;
            }
        }
        Assert.Skip($"There is no shared/data/{name} beside the repository.");
        return "";
    }
}
