namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>Waits for something that another process brings about.</summary>
internal static class Eventually
{
    public static Task TrueAsync(Func<bool> condition, string what, int timeoutSeconds = 45) =>
        TrueAsync(() => Task.FromResult(condition()), what, timeoutSeconds);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what, int timeoutSeconds = 45)
    {
        DateTime limit = DateTime.UtcNow.AddSeconds(timeoutSeconds);
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < limit, $"after {timeoutSeconds} s it is still not so that {what}");
            await Task.Delay(20);
        }
    }
}
