namespace Tenfold.RateLimiting.Engines;

/// <summary>What part of a limit this node may spend alone while the engine cannot be asked.</summary>
internal interface INodeShare
{
    /// <summary>
    /// 0 to 1. The shares of all nodes that knew of each other sum to about 1, and follow where the traffic was when the
    /// engine was last reached. 0 where nothing may be spent alone: the request is refused. Cheap; never waits.
    /// </summary>
    double ShareOf(Limit limit, string key);
}
