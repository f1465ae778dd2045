namespace PipeRoll.Server.Http.Schemas;

/// <summary>The schema registry's whole API, as Confluent's clients expect it, and ours beside it.</summary>
internal static class SchemaEndpoints
{
    public static void Map(IEndpointRouteBuilder web, SchemaDesk desk, Func<string> clusterId)
    {
        SubjectEndpoints.Map(web, desk);
        SchemaIdEndpoints.Map(web, desk, clusterId);
        SchemaConfigEndpoints.Map(web, desk);
        SchemaGovernanceEndpoints.Map(web, desk);
    }
}
