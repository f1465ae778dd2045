using CsCheck;
using PipeRoll.Foundation.IO;

namespace PipeRoll.Foundation.Tests.IO;

public sealed class SequentialFileWriterTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("piperoll-writer-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void The_file_is_the_parts_one_after_the_other() => Gen.Int[0, 1_500_000].Array[0, 5].Select(Gen.Int[0, 9_000_000]).Sample(
        (lengths, expected) =>
        {
            string path = Path.Combine(_root, Guid.NewGuid().ToString("n"));
            var random = new Random(lengths.Sum());
            using var all = new MemoryStream();
            using (var file = new SequentialFileWriter(path, expected))
            {
                foreach (int length in lengths)
                {
                    byte[] part = new byte[length];
                    random.NextBytes(part);
                    if (length % 3 == 0)
                    {
                        long zeros = length * 4L;
                        all.Write(new byte[zeros]);
                        file.AppendZeros(zeros);
                    }

                    all.Write(part);
                    file.Append(part);
                }

                file.Complete();
                file.Complete();
            }

            Assert.True(all.ToArray().AsSpan().SequenceEqual(File.ReadAllBytes(path)));
            File.Delete(path);
        },
        iter: 25, threads: 1);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(2 * 1024 * 1024)]
    [InlineData((2 * 1024 * 1024) + 1)]
    public void Lengths_about_a_page_and_about_the_staging_memory(int length)
    {
        string path = Path.Combine(_root, "file");
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        using (var file = new SequentialFileWriter(path))
        {
            file.Append(bytes);
            file.Complete();
        }

        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_file_that_exists_is_not_overwritten()
    {
        string path = Path.Combine(_root, "file");
        File.WriteAllText(path, "kept");
        Assert.Throws<IOException>(() => new SequentialFileWriter(path));
        Assert.Equal("kept", File.ReadAllText(path));
    }
}
