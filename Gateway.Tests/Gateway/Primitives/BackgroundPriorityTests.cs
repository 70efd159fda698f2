using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Primitives;

public sealed class BackgroundPriorityTests
{
    [Fact]
    public void Enter_LowersThePriorityOfTheCallingThreadAlone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The nice value of a thread is in /proc.");
        var before = ThreadNice.OfCaller();
        var during = int.MinValue;
        var thread = new Thread(() =>
        {
            BackgroundPriority.Enter();
            during = ThreadNice.OfCaller();
        });
        thread.Start();
        thread.Join();

        // A process that was started with a lower priority keeps it.
        Assert.Equal(Math.Max(before, BackgroundPriority.Nice), during);
        Assert.Equal(before, ThreadNice.OfCaller());
    }
}
