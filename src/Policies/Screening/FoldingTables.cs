using System.Collections.Frozen;

namespace PipeRoll.Policies.Screening;

/// <summary>
/// What each letter becomes in capital A to Z. Tables of our own and not the machine's Unicode data: these differ between machines, and a
/// score must not. Letters are looked up after mapping to capitals.
/// </summary>
internal static class FoldingTables
{
    private static readonly (string Ascii, string Letters)[] Latin =
    [
        ("A", "ÀÁÂÃÄÅĀĂĄƏǍǞǠǺȀȂȦȺḀẠẢẤẦẨẪẬẮẰẲẴẶ"), ("B", "ƁƂɃḂḄḆ"), ("C", "ÇĆĈĊČƇȻḈ"), ("D", "ÐĎĐƉƊḊḌḎḐḒ"),
        ("E", "ÈÉÊËĒĔĖĘĚƐȄȆȨɆḔḖḘḚḜẸẺẼẾỀỂỄỆ"), ("F", "ƑḞ"), ("G", "ĜĞĠĢƓǦǴḠ"), ("H", "ĤĦȞḢḤḦḨḪẖ"),
        ("I", "ÌÍÎÏĨĪĬĮİƖƗǏȈȊḬḮỈỊı"), ("J", "ĴǰɈ"), ("K", "ĶĸƘǨḰḲḴ"), ("L", "ĹĻĽŁȽḶḸḺḼ"), ("M", "ƜḾṀṂ"), ("N", "ÑŃŅŇŉƝǸṄṆṈṊ"),
        ("O", "ÒÓÔÕÖØŌŎŐƆƟƠǑǪǬǾȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ"), ("P", "ƤṔṖ"), ("Q", "Ɋ"), ("R", "ŔŖŘȐȒɌṘṚṜṞ"), ("S", "ŚŜŞŠȘṠṢṤṦṨſ"),
        ("T", "ŢŤŦƬƮȚṪṬṮṰẗ"), ("U", "ÙÚÛÜŨŪŬŮŰŲƯƱǓǕǗǙǛȔȖɄṲṴṶṸṺỤỦỨỪỬỮỰ"), ("V", "ƲṼṾ"), ("W", "ŴẀẂẄẆẈẘ"), ("X", "ẊẌ"),
        ("Y", "ÝŶŸƳȲɎẎẙỲỴỶỸ"), ("Z", "ŹŻŽƵƷȤẐẒẔ"), ("AE", "ÆǢǼ"), ("DZ", "ǄǱ"), ("IJ", "Ĳ"), ("LJ", "Ǉ"), ("NG", "Ŋ"), ("NJ", "Ǌ"),
        ("OE", "Œ"), ("SS", "ßẞ"), ("TH", "Þ"),
    ];

    /// <summary>
    /// Russian as passports write it (ICAO 9303) with the usual KH, TS, CH; then Ukrainian, Belarusian, Serbian, Macedonian, Kazakh.
    /// </summary>
    private static readonly string[] Cyrillic =
    [
        "А=A", "Б=B", "В=V", "Г=G", "Д=D", "Е=E", "Ё=E", "Ж=ZH", "З=Z", "И=I", "Й=I", "К=K", "Л=L", "М=M", "Н=N", "О=O", "П=P", "Р=R",
        "С=S", "Т=T", "У=U", "Ф=F", "Х=KH", "Ц=TS", "Ч=CH", "Ш=SH", "Щ=SHCH", "Ъ=", "Ы=Y", "Ь=", "Э=E", "Ю=IU", "Я=IA",
        "І=I", "Ї=I", "Є=IE", "Ґ=G", "Ў=U", "Ј=J", "Љ=LJ", "Њ=NJ", "Ћ=C", "Ђ=DJ", "Џ=DZ", "Ѓ=GJ", "Ќ=KJ", "Ѕ=DZ", "Ѐ=E", "Ѝ=I",
        "Ә=A", "Ғ=G", "Қ=Q", "Ң=N", "Ө=O", "Ұ=U", "Ү=U", "Һ=H", "Ҷ=J", "Ӣ=I", "Ӯ=U", "Ҳ=H",
    ];

    private static readonly string[] Greek =
    [
        "Α=A", "Ά=A", "Β=V", "Γ=G", "Δ=D", "Ε=E", "Έ=E", "Ζ=Z", "Η=I", "Ή=I", "Θ=TH", "Ι=I", "Ί=I", "Ϊ=I", "ΐ=I", "Κ=K", "Λ=L", "Μ=M",
        "Ν=N", "Ξ=X", "Ο=O", "Ό=O", "Π=P", "Ρ=R", "Σ=S", "ς=S", "Τ=T", "Υ=Y", "Ύ=Y", "Ϋ=Y", "ΰ=Y", "Φ=F", "Χ=CH", "Ψ=PS", "Ω=O", "Ώ=O",
    ];

    /// <summary>Arabic, Persian, Urdu, Kurdish; short vowels are there only where somebody wrote them.</summary>
    private static readonly string[] Arabic =
    [
        "ا=A", "أ=A", "إ=I", "آ=A", "ٱ=A", "ب=B", "ت=T", "ث=TH", "ج=J", "ح=H", "خ=KH", "د=D", "ذ=DH", "ر=R", "ز=Z", "س=S", "ش=SH", "ص=S",
        "ض=D", "ط=T", "ظ=Z", "ع=A", "غ=GH", "ف=F", "ق=Q", "ك=K", "ل=L", "م=M", "ن=N", "ه=H", "و=W", "ي=Y", "ى=A", "ة=A", "ء=", "ئ=Y", "ؤ=W",
        "پ=P", "چ=CH", "ژ=ZH", "گ=G", "ک=K", "ی=Y", "ے=Y", "ہ=H", "ھ=H", "ٹ=T", "ڈ=D", "ڑ=R", "ں=N", "ڤ=V", "ڵ=L", "ۆ=O", "ە=E",
        "\u064E=A", "\u064F=U", "\u0650=I", "\u064B=", "\u064C=", "\u064D=", "\u0651=", "\u0652=", "\u0653=", "\u0654=", "\u0655=",
        "\u0640=", "\u200C=", "\u200D=",
    ];

    private static readonly string[] Hebrew =
    [
        "א=A", "ב=B", "ג=G", "ד=D", "ה=H", "ו=V", "ז=Z", "ח=CH", "ט=T", "י=Y", "כ=K", "ך=K", "ל=L", "מ=M", "ם=M", "נ=N", "ן=N", "ס=S", "ע=A",
        "פ=P", "ף=F", "צ=TS", "ץ=TS", "ק=K", "ר=R", "ש=SH", "ת=T",
    ];

    private static readonly FrozenDictionary<char, string> Letters = Build();

    /// <summary>The capitals A to Z for a letter beyond ASCII; false for what is no letter that is known here.</summary>
    public static bool TryFold(char letter, out string ascii)
    {
        if (letter is >= '\uFF01' and <= '\uFF5E')
        {
            ascii = char.ToUpperInvariant((char)(letter - '\uFF01' + '!')).ToString();
            return char.IsAsciiLetterOrDigit(ascii[0]);
        }
        return Letters.TryGetValue(letter, out ascii!);
    }

    private static FrozenDictionary<char, string> Build()
    {
        var letters = new Dictionary<char, string>();
        foreach ((string ascii, string variants) in Latin)
        {
            foreach (char letter in variants)
            {
                letters[letter] = ascii;
                letters.TryAdd(char.ToLowerInvariant(letter), ascii);
            }
        }
        foreach (string pair in (string[])[.. Cyrillic, .. Greek, .. Arabic, .. Hebrew])
        {
            letters[pair[0]] = pair[2..];
            letters.TryAdd(char.ToLowerInvariant(pair[0]), pair[2..]);
        }
        AddDigits(letters, '\u0660');
        AddDigits(letters, '\u06F0');
        return letters.ToFrozenDictionary();
    }

    private static void AddDigits(Dictionary<char, string> letters, char zero)
    {
        for (int digit = 0; digit < 10; digit++)
        {
            letters[(char)(zero + digit)] = ((char)('0' + digit)).ToString();
        }
    }
}
