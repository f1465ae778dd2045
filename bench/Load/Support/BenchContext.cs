namespace PipeRoll.Load;

/// <summary>What every benchmark is given: where it may write, how long it may take, where its figures go.</summary>
/// <param name="Root">On the device that is to be measured.</param>
/// <param name="TimeScale">1 for figures to publish; less for a quick look.</param>
internal sealed record BenchContext(string Root, double TimeScale, Report Report)
{
    public TimeSpan Scale(double seconds) => TimeSpan.FromSeconds(seconds * TimeScale);

    public string Folder(string name)
    {
        string folder = Path.Combine(Root, name);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        return Directory.CreateDirectory(folder).FullName;
    }
}
