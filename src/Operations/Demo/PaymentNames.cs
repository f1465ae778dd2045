namespace PipeRoll.Operations.Demo;

/// <summary>Words that the generator makes people, shops and places from.</summary>
internal static class PaymentNames
{
    public static readonly string[] First =
    [
        "Ada", "Bruno", "Chiara", "Deniz", "Elif", "Farid", "Greta", "Hanna", "Ivo", "Jana", "Kofi", "Lena", "Mateo", "Nadia", "Oskar",
        "Petra",
        "Quentin", "Rosa", "Samir", "Tilda", "Ugo", "Vera", "Wim", "Yara", "Zoe",
    ];

    public static readonly string[] Last =
    [
        "Almeida", "Becker", "Conti", "Dubois", "Eriksen", "Ferrara", "Garcia", "Hofmann", "Ivanova", "Jansen", "Kaya", "Lindqvist",
        "Moreau", "Novak",
        "Okafor", "Petrov", "Quist", "Rossi", "Schmidt", "Tanaka", "Urban", "Vogel", "Weber", "Yilmaz", "Zimmer",
    ];

    public static readonly string[] Trades =
    [
        "Bakery", "Grocers", "Books", "Cafe", "Pharmacy", "Fuel", "Outfitters", "Electronics", "Furniture", "Travel", "Streaming",
        "Telecom", "Garden", "Toys",
    ];

    public static readonly (string Country, string Currency)[] Places =
    [
        ("DE", "EUR"), ("FR", "EUR"), ("IT", "EUR"), ("NL", "EUR"), ("ES", "EUR"), ("SE", "SEK"), ("GB", "GBP"), ("US", "USD"),
        ("CH", "CHF"), ("PL", "PLN"),
    ];

    /// <summary>Entries of samples/policies/sanctioned.csv, written as people write them: the list must find them all the same.</summary>
    public static readonly string[] Sanctioned =
    [
        "Viktor Morozov", "VIKTOR MOROZOV", "Norvik Shipping Ltd", "norvik  shipping ltd", "Black Lotus Holdings", "Tariq Haddad",
        "Sable Coast Logistics",
    ];
}
