using System.Globalization;
using System.Text;

namespace PipeRoll.Operations.Demo;

/// <summary>A payment and what is known about it; <see cref="Pattern"/> null: an ordinary one.</summary>
public sealed record GeneratedPayment(
    string PaymentId, DateTimeOffset Time, string Account, string? Merchant, string Device, string Country, double Amount, string Currency,
    string Channel,
    string Counterparty, string? CounterpartyAccount, string? Pattern)
{
    /// <summary>The event: one line of JSON, without the label.</summary>
    public string ToJson()
    {
        var json = new StringBuilder(256);
        json.Append("{\"paymentId\":\"").Append(PaymentId).Append("\",\"account\":\"").Append(Account).Append('"');
        if (Merchant is not null)
        {
            json.Append(",\"merchant\":\"").Append(Merchant).Append('"');
        }

        json.Append(",\"device\":\"").Append(Device).Append("\",\"country\":\"").Append(Country)
            .Append("\",\"amount\":").Append(Amount.ToString("0.00", CultureInfo.InvariantCulture))
            .Append(",\"currency\":\"").Append(Currency).Append("\",\"channel\":\"").Append(Channel)
            .Append("\",\"counterparty\":\"").Append(Counterparty).Append('"');
        if (CounterpartyAccount is not null)
        {
            json.Append(",\"counterpartyAccount\":\"").Append(CounterpartyAccount).Append('"');
        }

        return json.Append(",\"time\":\"").Append(
            Time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)).Append("\"}").ToString();
    }
}

/// <summary>
/// A stream of payments in time order: accounts with habits (home country, devices, favourite merchants, usual amounts, activity), a daily
/// rhythm, and planted fraud with its truth: "burst", "structuring", "fan-in", "sanctioned". The same seed gives the same payments, on
/// every machine. Owner: one thread.
/// </summary>
public sealed class PaymentGenerator
{
    private const int Merchants = 300;
    private const double PaymentsPerAccountAndDay = 5;
    private static readonly DateTimeOffset Start = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly Random _random;
    private readonly int _count;
    private readonly Account[] _accounts;
    private readonly (string Name, string Country)[] _merchants;
    private readonly PriorityQueue<Planned, (DateTimeOffset, int)> _planned = new();
    private readonly double _gapSeconds;
    private int _plannedCount;

    public PaymentGenerator(int count, int seed)
    {
        _count = count;
        _random = new Random(seed);
        _merchants = [.. Enumerable.Range(0, Merchants).Select(_ => (MerchantName(), Place().Country))];
        _accounts = [.. Enumerable.Range(0, Math.Clamp(count / 60, 50, 20_000)).Select(NewAccount)];
        _gapSeconds = 86_400 / (PaymentsPerAccountAndDay * _accounts.Length);
    }

    private sealed record Account(
        string Id, string Holder, string Country, string Currency, string[] Devices, int[] Favourites, double MedianAmount, double Spread);

    private sealed record Planned(
        Account Account, string Device, string Country, double Amount, string Channel, string Counterparty, string? To, string? Pattern);

    /// <summary>All payments, in order of time.</summary>
    public IEnumerable<GeneratedPayment> Payments()
    {
        DateTimeOffset organic = Start;
        for (int index = 0; index < _count; index++)
        {
            if (_planned.TryPeek(out Planned? planned, out (DateTimeOffset At, int Order) due) && due.At <= organic)
            {
                _planned.Dequeue();
                yield return Payment(index, due.At, planned);
                continue;
            }

            DateTimeOffset now = organic;
            MaybePlant(now);
            yield return Payment(index, now, Ordinary(Pick(_accounts)));
            organic += TimeSpan.FromSeconds(_gapSeconds * -Math.Log(1 - _random.NextDouble()) / Rhythm(now));
        }
    }

    /// <summary>Few pay at night, many at noon and in the evening; the mean over a day is one.</summary>
    private static double Rhythm(DateTimeOffset at)
    {
        double hour = at.TimeOfDay.TotalHours;
        return Math.Max(0.15, 1 + (0.75 * Math.Sin((hour - 8) / 24 * 2 * Math.PI)) + (0.25 * Math.Sin((hour - 11) / 12 * 2 * Math.PI)));
    }

    private static GeneratedPayment Payment(int index, DateTimeOffset at, Planned planned)
    {
        bool isCard = planned.Channel != "transfer";
        return new GeneratedPayment(
            $"p{index:D7}", at, planned.Account.Id, isCard
                ? planned.Counterparty
                : null, planned.Device, planned.Country, Math.Round(planned.Amount, 2),
            planned.Account.Currency, planned.Channel, planned.Counterparty, planned.To, planned.Pattern);
    }

    private Planned Ordinary(Account account)
    {
        double amount = account.MedianAmount * Math.Exp(account.Spread * Normal());
        string device = account.Devices[_random.Next(10) == 0 ? _random.Next(account.Devices.Length) : 0];
        string country = _random.Next(50) == 0 ? Place().Country : account.Country;
        if (_random.Next(6) == 0)
        {
            Account other = Pick(_accounts);
            return new Planned(account, device, account.Country, amount * 3, "transfer", other.Holder, other.Id, null);
        }

        (string name, _) = _merchants[account.Favourites[_random.Next(account.Favourites.Length)]];
        return new Planned(account, device, country, amount, _random.Next(4) == 0 ? "wallet" : "card", name, null, null);
    }

    private void MaybePlant(DateTimeOffset now)
    {
        // Roughly one payment in seventy belongs to a planted pattern.
        switch (_random.Next(9_000))
        {
            case < 6:
                PlantBurst(now);
                break;
            case < 18:
                PlantStructuring(now);
                break;
            case < 20:
                PlantFanIn(now);
                break;
            case < 32:
                PlantSanctioned(now);
                break;
            default:
                break;
        }
    }

    /// <summary>A stolen card: many small payments within minutes, from a device and often a country that the account never used.</summary>
    private void PlantBurst(DateTimeOffset now)
    {
        Account account = Pick(_accounts);
        string device = NewDevice();
        string country = Place().Country;
        int payments = _random.Next(10, 17);
        for (int index = 0; index < payments; index++)
        {
            (string merchant, _) = _merchants[_random.Next(Merchants)];
            DateTimeOffset at = now.AddSeconds((index * 28) + _random.Next(20));
            Plan(at, new Planned(account, device, country, 5 + (_random.NextDouble() * 145), "card", merchant, null, "burst"));
        }
    }

    /// <summary>Cash moved in pieces that each stay just under the reporting threshold of 10,000.</summary>
    private void PlantStructuring(DateTimeOffset now)
    {
        Account account = Pick(_accounts);
        Account to = Pick(_accounts);
        int payments = _random.Next(4, 8);
        for (int index = 0; index < payments; index++)
        {
            DateTimeOffset at = now.AddMinutes((index * 95) + _random.Next(60));
            Plan(
                at,
                new Planned(
                    account,
                    account.Devices[0],
                    account.Country,
                    9_050 + (_random.NextDouble() * 900),
                    "transfer",
                    to.Holder,
                    to.Id,
                    "structuring"));
        }
    }

    /// <summary>A mule: many accounts pay into one within a day.</summary>
    private void PlantFanIn(DateTimeOffset now)
    {
        Account mule = Pick(_accounts);
        int payments = _random.Next(36, 60);
        for (int index = 0; index < payments; index++)
        {
            Account from = Pick(_accounts);
            DateTimeOffset at = now.AddMinutes(_random.Next(16 * 60));
            Plan(
                at,
                new Planned(
                    from, from.Devices[0], from.Country, 300 + (_random.NextDouble() * 900), "transfer", mule.Holder, mule.Id, "fan-in"));
        }
    }

    private void PlantSanctioned(DateTimeOffset now)
    {
        Account account = Pick(_accounts);
        string name = PaymentNames.Sanctioned[_random.Next(PaymentNames.Sanctioned.Length)];
        Plan(now.AddSeconds(_random.Next(60)), new Planned(
            account, account.Devices[0], account.Country, account.MedianAmount * (
                2 + (_random.NextDouble() * 8)), "transfer", name, $"X{_random.Next(100_000):D5}", "sanctioned"));
    }

    private void Plan(DateTimeOffset at, Planned planned) => _planned.Enqueue(planned, (at, _plannedCount++));

    private Account NewAccount(int index)
    {
        (string country, string currency) = Place();
        return new Account(
            $"A{index:D6}",
            $"{Pick(PaymentNames.First)} {Pick(PaymentNames.Last)}",
            country,
            currency,
            [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => NewDevice())],
            [.. Enumerable.Range(0, _random.Next(4, 12)).Select(_ => _random.Next(Merchants))],
            Math.Exp(3.4 + (0.6 * Normal())),
            0.5 + (0.4 * _random.NextDouble()));
    }

    private string MerchantName() => $"{Pick(PaymentNames.Last)} {Pick(PaymentNames.Trades)}";

    private string NewDevice() => $"d-{_random.Next():x8}";

    private (string Country, string Currency) Place() => PaymentNames.Places[_random.Next(PaymentNames.Places.Length)];

    private T Pick<T>(T[] from) => from[_random.Next(from.Length)];

    /// <summary>Box and Muller: two uniform numbers make a normal one.</summary>
    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
