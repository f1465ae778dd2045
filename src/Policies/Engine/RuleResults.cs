using PipeRoll.Cel;

namespace PipeRoll.Policies.Engine;

/// <summary>What each rule gave for one event. Owner: one engine; filled again for each event.</summary>
internal sealed class RuleResults(int count)
{
    private readonly CelError?[] _errors = new CelError?[count];

    public bool[] Held { get; } = new bool[count];

    public int Count => count;

    public bool AnyError { get; private set; }

    /// <summary>The first rule from <paramref name="from"/> on that holds; −1 if none does.</summary>
    public int NextHeld(int from)
    {
        int found = Held.AsSpan(from).IndexOf(true);
        return found < 0 ? -1 : from + found;
    }

    public CelError? ErrorOf(int rule) => AnyError ? _errors[rule] : null;

    public void Clear()
    {
        if (AnyError)
        {
            Array.Clear(_errors);
            AnyError = false;
        }
        Array.Clear(Held);
    }

    public void SetError(int rule, CelError error)
    {
        _errors[rule] = error;
        AnyError = true;
    }
}
