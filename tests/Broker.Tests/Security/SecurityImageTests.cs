using PipeRoll.Broker.Security;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Security;

public sealed class SecurityImageTests
{
    [Theory]
    [InlineData(false, null, true)]
    [InlineData(false, false, true)]
    [InlineData(true, null, false)]
    [InlineData(true, false, false)]
    public void Only_the_first_user_is_made_administrator_also_where_security_is_switched_off(bool hasUser, bool? isOn, bool isFirst)
    {
        var own = new Dictionary<(string User, ScramMechanism Mechanism), ScramCredential>();
        if (hasUser)
        {
            own[("alice", ScramMechanism.Sha256)] = ScramCredential.FromPassword(ScramMechanism.Sha256, "secret", [1, 2, 3, 4], 4096);
        }

        Assert.Equal(isFirst, new SecurityImage(SecuritySnapshot.Empty, own, isOn).IsFirstUserToCome);
    }
}
