using Microsoft.AspNetCore.Http;
using PipeRoll.Broker.Security;
using PipeRoll.Server.Http;

namespace PipeRoll.Server.Tests.Http;

public sealed class HttpSecurityTests
{
    [Theory]
    [InlineData("GET", "/api/v1/cluster", AclOperation.Describe, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("POST", "/api/v1/cluster/drain", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("GET", "/metrics", AclOperation.Describe, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("POST", "/subjects/orders-value/versions", AclOperation.Write, ResourceType.Topic, "orders")]
    [InlineData("POST", "/subjects/orders-key/versions", AclOperation.Write, ResourceType.Topic, "orders")]
    [InlineData("POST", "/subjects/com.acme.Order/versions", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("DELETE", "/subjects/orders-value", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    [InlineData("PUT", "/config", AclOperation.Alter, ResourceType.Cluster, "kafka-cluster")]
    public void A_request_takes_a_right(string method, string path, AclOperation operation, ResourceType type, string name) =>
        Assert.Equal((operation, type, name), Needs(method, path));

    [Theory]
    [InlineData("GET", "/schemas/ids/1")]
    [InlineData("GET", "/subjects")]
    [InlineData("POST", "/subjects/orders-value")]
    [InlineData("POST", "/compatibility/subjects/orders-value/versions/latest")]
    public void Whoever_has_authenticated_may_read_and_try_schemas(string method, string path) => Assert.Null(Needs(method, path));

    private static (AclOperation Operation, ResourceType Type, string Name)? Needs(string method, string path)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = method;
        http.Request.Path = path;
        return HttpSecurity.Needs(http.Request);
    }
}
