using System.Globalization;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Scoring;

namespace PipeRoll.Operations.Demo;

/// <summary>What the demo captures, under which policies, and what is known about it.</summary>
public sealed record DemoInput(
    CaptureSource Source, string Workflow, long Rows, PolicyBundle Policy, string PolicyFile, PolicyBundle? SecondPolicy,
    string? SecondPolicyFile, ScoreRequest? Labels)
{
    private const int DefaultEvents = 50_000;

    /// <summary>
    /// Prepares the input: generates payments into the work folder, or looks into the user's file and chooses a policy that fits.
    /// </summary>
    public static DemoInput Prepare(DemoOptions options, string workFolder, Action<string> tell)
    {
        return options.Input is null ? Generated(options, workFolder, tell) : FromFile(options, options.Input, tell);
    }

    private static DemoInput Generated(DemoOptions options, string workFolder, Action<string> tell)
    {
        int count = options.Events ?? DefaultEvents;
        string file = Path.Combine(workFolder, "payments.jsonl");
        string labels = Path.Combine(workFolder, "payments-labels.csv");
        int planted = WritePayments(count, options.Seed, file, labels);
        tell(string.Create(CultureInfo.InvariantCulture, $"{count:N0} payments generated (seed {options.Seed}), {planted:N0} of them "
            + $"planted fraud; truth kept beside"));
        string first = options.PolicyFile ?? Path.Combine(options.SamplesFolder(), "policies", "payments-v1.yaml");
        string? second = options.SecondPolicyFile ?? (
            options.PolicyFile is null ? Path.Combine(options.SamplesFolder(), "policies", "payments-v2.yaml") : null);
        PolicyBundle policy = Load(first);
        var hints = new CaptureHints { KeyField = options.KeyField, TimeField = options.TimeField, Policy = policy.Event };
        var scoring = new ScoreRequest { Labels = LabelFile.Load(options.LabelsFile ?? labels), SubjectFields = ["paymentId"] };
        return new DemoInput(
            CaptureSource.Open(file, hints), "payments", count, policy, first, second is null ? null : Load(second), second, scoring);
    }

    private static int WritePayments(int count, int seed, string file, string labels)
    {
        int planted = 0;
        using StreamWriter events = new(file);
        using StreamWriter truth = new(labels);
        truth.Write("paymentId,label,pattern\n");
        foreach (GeneratedPayment payment in new PaymentGenerator(count, seed).Payments())
        {
            events.Write(payment.ToJson());
            events.Write('\n');
            truth.Write($"{payment.PaymentId},{(payment.Pattern is null ? 0 : 1)},{payment.Pattern}\n");
            planted += payment.Pattern is null ? 0 : 1;
        }

        return planted;
    }

    private static DemoInput FromFile(DemoOptions options, string file, Action<string> tell)
    {
        IReadOnlyList<string> columns = CaptureSource.Open(
            file, new CaptureHints { KeyField = options.KeyField, TimeField = options.TimeField }).Columns;
        (string first, string? second) = options.PolicyFile is { } given
            ? (given, options.SecondPolicyFile)
            : SamplePolicies.For(columns, options.SamplesFolder(), file);
        second = options.SecondPolicyFile ?? second;
        PolicyBundle policy = Load(first);
        var source = CaptureSource.Open(
            file, new CaptureHints { KeyField = options.KeyField, TimeField = options.TimeField, Policy = policy.Event });
        tell($"{source.Name}: {source.Format}, {source.Columns.Count} columns, key {source.Schema.KeyField}, time "
            + $"{source.Schema.TimeField ?? "none"} ({source.Schema.TimeFormat})");
        string name = string.Concat(policy.Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-'));
        long rows = Math.Min(source.CountRows(), options.Events ?? long.MaxValue);
        return new DemoInput(
            source, name, rows, policy, first, second is null ? null : Load(second), second, LabelsFor(options, file, source, tell));
    }

    private static PolicyBundle Load(string file)
    {
        if (!File.Exists(file))
        {
            throw new DemoException($"there is no policy file {file}: give one with --policy");
        }

        return PolicyBundle.Load(file);
    }

    private static ScoreRequest? LabelsFor(DemoOptions options, string file, CaptureSource source, Action<string> tell)
    {
        string beside = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, "nodes.csv");
        string? labelsFile = options.LabelsFile ?? (source.LabelField is null && File.Exists(beside) ? beside : null);
        if (labelsFile is null)
        {
            if (source.LabelField is not null)
            {
                tell($"labels: field {source.LabelField}");
            }

            return source.LabelField is { } field ? new ScoreRequest { LabelField = field } : null;
        }

        LabelFile labels = LabelFile.Load(labelsFile);
        List<string> subjects = SubjectFields(source, labels);
        if (subjects.Count == 0)
        {
            throw new DemoException(
                $"no column of {source.Name} names the subjects ({labels.SubjectColumn}) of {labelsFile}: are these labels for this file?");
        }

        tell(string.Create(CultureInfo.InvariantCulture, $"labels: {labels.Labels.Count:N0} subjects of {labelsFile}, named by "
            + $"{string.Join(" and ", subjects)}"));
        return new ScoreRequest { Labels = labels, SubjectFields = subjects };
    }

    /// <summary>
    /// Columns whose values are subjects of the labels file; times and amounts may look like account numbers and are none.
    /// </summary>
    private static List<string> SubjectFields(CaptureSource source, LabelFile labels)
    {
        IReadOnlyDictionary<string, double> shares = source.ShareOfValuesIn(labels.Labels.Keys.ToHashSet(StringComparer.Ordinal), 1_000);
        return shares.Where(each => each.Value > 0.9 && each.Key != source.Schema.TimeField).Select(each => each.Key).ToList();
    }
}
