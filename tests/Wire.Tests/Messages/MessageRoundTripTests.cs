using CsCheck;
using PipeRoll.Wire.Framing;

namespace PipeRoll.Wire.Tests.Messages;

/// <summary>Any value of any message, written in any of its versions, is read back.</summary>
public sealed class MessageRoundTripTests
{
    private const int ValuesPerVersion = 30;

    public static TheoryData<string> Names => MessageCatalog.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void WhatIsWrittenIsReadBack(string name)
    {
        MessageKind kind = MessageCatalog.Get(name);
        int versions = kind.Info.MaxVersion - kind.Info.MinVersion + 1;
        Gen<(short Version, int Seed)> cases = Gen.Select(Gen.Short[kind.Info.MinVersion, kind.Info.MaxVersion], Gen.Int);

        cases.Sample(
            sample =>
            {
                IKafkaMessage message = new RandomMessages(new Random(sample.Seed)).Message(kind.Type, sample.Version);
                string before = WireText.Of(message, sample.Version);
                byte[] bytes = ResponseFrame.ToBytes(message, sample.Version);
                IKafkaMessage back = kind.Read(bytes, sample.Version);
                Assert.Equal(before, WireText.Of(back, sample.Version));
                Assert.Equal(bytes, ResponseFrame.ToBytes(back, sample.Version));
            },
            iter: versions * ValuesPerVersion,
            seed: "0000000000a1",
            threads: 1);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryVersionIsWrittenAndReadWithDefaults(string name)
    {
        MessageKind kind = MessageCatalog.Get(name);
        for (short version = kind.Info.MinVersion; version <= kind.Info.MaxVersion; version++)
        {
            var message = (IKafkaMessage)Activator.CreateInstance(kind.Type)!;
            FillWhatMayNotBeNull(message, version);

            IKafkaMessage back = kind.Read(ResponseFrame.ToBytes(message, version), version);

            Assert.Equal(WireText.Of(message, version), WireText.Of(back, version));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void VersionsOutsideTheRangeAreRefused(string name)
    {
        MessageKind kind = MessageCatalog.Get(name);
        foreach (short version in (short[])[(short)(kind.Info.MinVersion - 1), (short)(kind.Info.MaxVersion + 1)])
        {
            var message = (IKafkaMessage)Activator.CreateInstance(kind.Type)!;
            Assert.Throws<WireFormatException>(() => ResponseFrame.ToBytes(message, version));
            Assert.Throws<WireFormatException>(() => kind.Read(new byte[64], version));
        }
    }

    [Fact]
    public void ThereAreAsManyMessagesAsTheApisAndTheEmbeddedOnesNeed() =>
        Assert.Equal((2 * ApiVersionsTable.All.Length) + 28, MessageCatalog.All.Count);

    private static void FillWhatMayNotBeNull(IKafkaMessage message, short version)
    {
        foreach (WireProperty property in WireProperty.Of(message.GetType()))
        {
            bool isNull = property.IsIn(version) && property.Property.GetValue(message) is null;
            if (isNull && !property.MayBeNull(version) && !property.IsOptionalStructure)
            {
                Assert.Fail($"{message.GetType().Name}.{property.Name} is null by default, which version {version} does not allow");
            }
        }
    }
}
