using PipeRoll.Operations.Demo;

namespace PipeRoll.Operations.Tests.Demo;

public sealed class DemoInputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("demo-input").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("sourceNodeId,targetNodeId,value,time", "5,9,3.5,1", "amlsim-v1.yaml")]
    [InlineData(
        "ip_address,email_address,EVENT_TIMESTAMP,EVENT_LABEL", "1.2.3.4,a@example.org,2023-01-01T00:00:00Z,legit", "aws-registrations-v1.yaml")]
    public void The_sample_policy_that_fits_the_columns_is_chosen(string header, string row, string policy)
    {
        DemoInput input = Prepare(Options(Write(header, row)));
        Assert.Equal(policy, Path.GetFileName(input.PolicyFile));
        Assert.Equal(1, input.Rows);
    }

    [Fact]
    public void A_file_that_no_sample_fits_needs_a_policy_and_says_so()
    {
        DemoException error = Assert.Throws<DemoException>(() => Prepare(Options(Write("account,foo", "a,b"))));
        Assert.Contains("--policy FILE", error.Message);
        Assert.Contains("account, foo", error.Message);
    }

    [Fact]
    public void Labels_beside_amlsim_transfers_name_both_accounts_and_not_the_time()
    {
        string file = Write(
            "sourceNodeId,targetNodeId,value,time",
            [.. Enumerable.Range(0, 50).Select(row => $"{row % 20},{(row + 3) % 20},{row + 0.5},{1 + (row % 9)}")]);
        File.WriteAllLines(
            Path.Combine(_folder, "nodes.csv"), ["nodeid,isFraud", .. Enumerable.Range(0, 20).Select(node => $"{node},{node % 2}")]);
        DemoInput input = Prepare(Options(file));
        Assert.Equal(["sourceNodeId", "targetNodeId"], input.Labels!.SubjectFields);
        Assert.Equal(20, input.Labels.Labels!.Labels.Count);
    }

    [Fact]
    public void Generated_input_brings_its_truth_and_a_second_policy()
    {
        DemoInput input = Prepare(Options(null) with { Events = 500 });
        Assert.Equal(500, input.Rows);
        Assert.NotNull(input.SecondPolicy);
        Assert.Equal(500, input.Labels!.Labels!.Labels.Count);
        Assert.Equal("account", input.Source.Schema.KeyField);
    }

    [Fact]
    public void The_server_is_found_by_its_variable_or_a_clear_word_is_said()
    {
        string fake = Write("x", "y");
        Assert.Equal(fake, ServerProcess.Locate("/nowhere/", fake));
        Assert.Contains("PIPEROLL_SERVER", Assert.Throws<DemoException>(() => ServerProcess.Locate("/nowhere/", "/none.dll")).Message);
        Assert.Contains("--bootstrap", Assert.Throws<DemoException>(() => ServerProcess.Locate("/nowhere/a/b/c/d/", null)).Message);
    }

    private static DemoOptions Options(string? input) => new()
    {
        Input = input,
        ServerExecutable = () => Repository.Server,
        SamplesFolder = () => Repository.Samples,
    };

    private DemoInput Prepare(DemoOptions options) => DemoInput.Prepare(options, _folder, _ => { });

    private string Write(string header, params string[] rows)
    {
        string file = Path.Combine(_folder, $"input-{Guid.NewGuid():N}.csv");
        File.WriteAllLines(file, [header, .. rows]);
        return file;
    }
}
