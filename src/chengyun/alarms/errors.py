"""Sentences of the alarms room."""

from chengyun.kernel.errors import register

register(
    {
        "alarm.changed": (409, "该告警刚被他人处理过,请刷新后再操作", "Somebody else has just changed this alarm; reload it"),
        "alarm.state": (409, "告警状态为“{state}”,不能进行此操作", "The alarm is {state}; this cannot be done now"),
        "alarm.reason_needed": (422, "告警条件仍在持续,关闭须填写原因", "The condition still lasts; closing needs a reason"),
        "alarm.rule_unknown": (404, "没有规则 {rule}", "There is no rule {rule}"),
        "rule.model_unknown": (422, "没有设备模型 {model}", "There is no device model {model}"),
        "rule.metric_unknown": (422, "模型 {model} 没有指标 {metric}", "The model {model} has no metric {metric}"),
        "rule.command_unknown": (422, "模型 {model} 没有命令 {command}", "The model {model} has no command {command}"),
        "rule.taken": (409, "规则 {rule} 属于行业包 {pack}", "The rule {rule} belongs to the pack {pack}"),
        "rule.twice": (422, "规则 {rule} 出现两次", "The rule {rule} is given twice"),
    }
)
