using CsCheck;
using PipeRoll.Policies.Screening;

namespace PipeRoll.Policies.Tests.Screening;

public class NameFoldingTests
{
    [Theory]
    [InlineData("Élodie Müller-Łukaszewicz", "ELODIE MULLER LUKASZEWICZ")]
    [InlineData("O'Brien, S.A. de C.V.", "OBRIEN SA DE CV")]
    [InlineData("J. R. R. Tolkien", "J R R TOLKIEN")]
    [InlineData("Владимир Путин", "VLADIMIR PUTIN")]
    [InlineData("Хрущёв", "KHRUSHCHEV")]
    [InlineData("Παπαδόπουλος", "PAPADOPOULOS")]
    [InlineData("محمد الرحمن", "MHMD AL RHMN")]
    [InlineData("Nguyễn Thị Hạnh", "NGUYEN THI HANH")]
    [InlineData("Đặng Straße", "DANG STRASSE")]
    [InlineData("Ｆｕｌｌ ｗｉｄｔｈ １７", "FULL WIDTH 17")]
    [InlineData("e\u0301lan", "ELAN")]
    [InlineData("!!!", "")]
    public void NamesBecomeWords(string name, string words) => Assert.Equal(words, string.Join(' ', NameFolding.Words(name)));

    [Theory]
    [InlineData("PUTIN, Vladimir Vladimirovich", true, "VLADIMIR VLADIMIROVICH PUTIN")]
    [InlineData("CASTELLAN, RUIZ & PARTNERS", false, "CASTELLAN RUIZ PARTNERS")]
    public void FamilyNamesGoToTheEnd(string name, bool isPerson, string words) =>
        Assert.Equal(words, string.Join(' ', NameFolding.Words(name, isPerson)));

    [Theory]
    [InlineData("MUHAMMAD", "MOHAMED")]
    [InlineData("MUHAMMAD", "MHMD")]
    [InlineData("YUSUF", "JOUSEF")]
    [InlineData("TCHAIKOVSKY", "CHAIKOVSKII")]
    [InlineData("PETROV", "PETROFF")]
    [InlineData("QADDAFI", "KADAFI")]
    [InlineData("DAWOOD", "DAOUD")]
    public void SpellingsOfOneSoundMeet(string left, string right) => Assert.Equal(PhoneticKey.Of(left), PhoneticKey.Of(right));

    [Theory]
    [InlineData("BANK", "TANK")]
    [InlineData("IRAN", "IRAQ")]
    public void OtherSoundsDoNot(string left, string right) => Assert.NotEqual(PhoneticKey.Of(left), PhoneticKey.Of(right));

    [Theory]
    [InlineData("MARTHA", "MARHTA", 1)]
    [InlineData("SMITH", "SMYTHE", 2)]
    [InlineData("SAME", "SAME", 0)]
    [InlineData("ABCDEF", "UVWXYZ", 4)]
    public void EditsAreCounted(string left, string right, int edits) => Assert.Equal(edits, EditDistance.Between(left, right, 3));

    [Fact]
    public void SignatureNeverHidesAnEdit() =>
        Gen.Select(Gen.String[Gen.Char['A', 'F'], 1, 12], Gen.String[Gen.Char['A', 'F'], 1, 12]).Sample((left, right) =>
        {
            int edits = EditDistance.Between(left, right, 3);
            int bits = System.Numerics.BitOperations.PopCount(EditDistance.Signature(left) ^ EditDistance.Signature(right));
            Assert.True(edits > 3 || bits <= 2 * edits);
            Assert.Equal(edits, EditDistance.Between(right, left, 3));
        });

    [Fact]
    public void AnyTextIsFoldedIntoBoundedCapitals() => Gen.String.Sample(text =>
    {
        List<string> words = NameFolding.Words(text);
        Assert.True(words.Count <= NameFolding.WordsMax);
        Assert.All(words, word => Assert.True(word.Length is > 0 and <= NameFolding.WordMax + 2 && word.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c))));
    });
}
