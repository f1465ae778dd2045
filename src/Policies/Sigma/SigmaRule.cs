using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Sigma;

/// <summary>What a Sigma document says about itself, a rule or a correlation.</summary>
/// <param name="Id">Its id; without one its name or title.</param>
/// <param name="Names">All that others may call it by: id, name, title.</param>
/// <param name="Title">In a few words.</param>
/// <param name="Description">For people.</param>
/// <param name="Author">Who wrote it: licences ask for it.</param>
/// <param name="Severity">From <c>level</c>.</param>
/// <param name="Tags">Such as <c>attack.t1082</c>.</param>
internal sealed record SigmaHead(
    string Id, IReadOnlyList<string> Names, string Title, string Description, string Author, Severity Severity, IReadOnlyList<string> Tags);

/// <summary>A rule: selections over one event, and how they are combined.</summary>
/// <param name="Head">What it says about itself.</param>
/// <param name="Category">Of the log source, or empty.</param>
/// <param name="Product">Of the log source, or empty.</param>
/// <param name="Service">Of the log source, or empty.</param>
/// <param name="Selections">By name, in the order of the file.</param>
/// <param name="Conditions">One, or several that are alternatives.</param>
/// <param name="TimeframeMs">For conditions that count; null if there is none.</param>
/// <param name="Map">The rule's own place in the file.</param>
internal sealed record SigmaRule(
    SigmaHead Head,
    string Category,
    string Product,
    string Service,
    IReadOnlyList<YamlEntry> Selections,
    IReadOnlyList<YamlText> Conditions,
    long? TimeframeMs,
    YamlMap Map);

/// <summary>A correlation: how often, with how many values, or in which company and order the events of rules come.</summary>
/// <param name="Head">What it says about itself.</param>
/// <param name="Type">One of event_count, value_count, temporal, temporal_ordered.</param>
/// <param name="Rules">The rules' ids or names.</param>
/// <param name="GroupBy">Events belong together if they have these values in common.</param>
/// <param name="TimespanMs">Within which time.</param>
/// <param name="Bounds">For counts: operators (gt, gte, lt, lte, eq) with their numbers.</param>
/// <param name="Field">For value_count: the field whose values are counted; else empty.</param>
/// <param name="Aliases">For each name in <paramref name="GroupBy"/> that is none of the events': the field it stands for, by rule.</param>
/// <param name="Generates">Whether its rules are rules of their own as well.</param>
/// <param name="Map">Its place in the file.</param>
internal sealed record SigmaCorrelation(
    SigmaHead Head,
    string Type,
    IReadOnlyList<string> Rules,
    IReadOnlyList<string> GroupBy,
    long TimespanMs,
    IReadOnlyList<(string Operator, long Number)> Bounds,
    string Field,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Aliases,
    bool Generates,
    YamlMap Map);
