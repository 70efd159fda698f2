using System.Net;
using System.Runtime.CompilerServices;

namespace Gateway.Tests.Support;

/// <summary>
/// Gateways inside the test process ignore the proxy variables of the developer's machine; <see cref="GatewayProcess"/> removes them from
/// its processes. Everything here is on loopback.
/// </summary>
internal static class NoInheritedProxy
{
    [ModuleInitializer]
    public static void Apply() => HttpClient.DefaultProxy = new WebProxy();
}
