using PipeRoll.Server.Hosting;

namespace PipeRoll.Server.Tests.Hosting;

public sealed class DataFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("piperoll-data-").FullName;

    [Fact]
    public void IsHeldByOneAtATime()
    {
        using (DataFolder.Open(_folder))
        {
            ServerStartException refused = Assert.Throws<ServerStartException>(() => DataFolder.Open(_folder));
            Assert.Contains("another server already runs", refused.Message);
        }

        using DataFolder again = DataFolder.Open(_folder);
        Assert.Equal(Path.GetFullPath(_folder), again.Path);
    }

    [Fact]
    public void WhatCannotBeMadeIsSaid()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");

        ServerStartException refused = Assert.Throws<ServerStartException>(() => DataFolder.Open(Path.Combine(file, "data")));
        Assert.Contains("--data", refused.Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
