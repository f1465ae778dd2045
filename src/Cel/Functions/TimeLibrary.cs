using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>Parts of timestamps and durations (cel-spec, langdef: "List of Standard Definitions"); months and such count from 0.</summary>
internal static class TimeLibrary
{
    public static void AddTo(Library library)
    {
        Add("getFullYear", (local, _) => local.Year);
        Add("getMonth", (local, _) => local.Month - 1);
        Add("getDate", (local, _) => local.Day);
        Add("getDayOfMonth", (local, _) => local.Day - 1);
        Add("getDayOfWeek", (local, _) => (int)local.DayOfWeek);
        Add("getDayOfYear", (local, _) => local.DayOfYear - 1);
        Add("getHours", (local, _) => local.Hour);
        Add("getMinutes", (local, _) => local.Minute);
        Add("getSeconds", (local, _) => local.Second);
        Add("getMilliseconds", (_, nanos) => nanos / 1_000_000);

        library.Add("getHours", Duration((seconds, _) => seconds / 3600));
        library.Add("getMinutes", Duration((seconds, _) => seconds / 60));
        library.Add("getSeconds", Duration((seconds, _) => seconds));
        library.Add("getMilliseconds", Duration((_, nanos) => nanos / 1_000_000));

        void Add(string name, Func<DateTime, int, int> part) => library.Add(
            name,
            Receiver(CelType.Timestamp, CelType.Int, (in a) => CelValue.Int(part(Clock.DateTimeOf(a.Seconds), a.Nanos))),
            Receiver(CelType.Timestamp, CelType.String, CelType.Int, (in a, in zone) =>
                Clock.TryLocal(a, zone.StringValue, out DateTime local)
                    ? CelValue.Int(part(local, a.Nanos))
                    : CelValue.Error(
                        CelErrorCode.BadArgument,
                        $"unknown time zone {zone}: write a name like 'Europe/Berlin' or an offset like '+01:00'")));
    }

    private static CelOverload Duration(Func<long, int, long> part) =>
        Receiver(CelType.Duration, CelType.Int, (in a) => CelValue.Int(part(a.Seconds, a.Nanos)));
}
