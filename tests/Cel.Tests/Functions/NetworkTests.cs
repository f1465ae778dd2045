namespace PipeRoll.Cel.Tests.Functions;

public sealed class NetworkTests
{
    [Theory]
    [InlineData("cidr('10.0.0.0/8').containsIP('10.255.0.1')", "true")]
    [InlineData("cidr('10.0.0.0/9').containsIP('10.128.0.1')", "false")]
    [InlineData("cidr('0.0.0.0/0').containsCIDR('10.0.0.0/8')", "true")]
    [InlineData("string(cidr('10.1.2.3/12').masked())", "'10.0.0.0/12'")]
    [InlineData("[ip('10.0.0.1')] == [ip('10.0.0.1')]", "true")]
    [InlineData("dyn(ip('10.0.0.1')) == '10.0.0.1'", "false")]
    [InlineData("ip('::1').isLoopback() && !ip('::2').isLoopback()", "true")]
    [InlineData("isIP('010.0.0.1') || isIP('1') || isIP('1.2.3.4/8') || isIP('[::1]') || isIP('')", "false")]
    [InlineData("isCIDR('10.0.0.0/33') || isCIDR('10.0.0.0/08') || isCIDR('10.0.0.0') || isCIDR('::/129')", "false")]
    [InlineData("isCIDR('::/128') && isCIDR('10.0.0.0/0')", "true")]
    public void Values(string source, string expected) => Cel.Same(source, expected);

    [Theory]
    [InlineData("ip('10.0.0.256')")]
    [InlineData("cidr('10.0.0.0/-1')")]
    [InlineData("cidr('10.0.0.0/8').containsIP('x')")]
    [InlineData("net.IP{}")]
    [InlineData("ip('::1').`@address`")]
    public void Failures(string source) => Assert.True(
        Record.Exception(() => Cel.Error(source)) is null or CelCompileException, "only errors and diagnostics");
}
