using PipeRoll.Broker.Handlers;

namespace PipeRoll.Broker;

/// <summary>The inventory of what a broker serves: the one list to add a handler or a module to.</summary>
internal static class BrokerComposition
{
    public static IEnumerable<IHandler> Handlers(BrokerServices services)
    {
        return [new ApiVersionsHandler()];
    }

    public static IEnumerable<IBrokerModule> Modules(BrokerServices services)
    {
        return [];
    }
}
