"""Sentences for what can be refused when people sign in, and about users, units, roles and keys."""

from chengyun.kernel.errors import register

register(
    {
        "session.invalid": (401, "用户名或密码不正确", "The user name or the password is not right"),
        "session.locked": (
            423,
            "连续输错密码,已锁定;请在 {minutes} 分钟后重试,或请安全管理员解锁",
            "Locked after wrong passwords; try again in {minutes} minute(s), or ask a security administrator to unlock",
        ),
        "session.disabled": (403, "账号已停用,请联系系统管理员", "The account is disabled; ask a system administrator"),
        "session.expired": (401, "登录已失效,请重新登录", "The log-in has ended; please sign in again"),
        "session.needed": (403, "此操作只能由本人登录后进行", "Only a person who has signed in can do this"),
        "apikey.invalid": (401, "接口密钥无效", "The API key is not valid"),
        "apikey.expired": (401, "接口密钥已过期", "The API key has expired"),
        "apikey.permission": (
            422,
            "接口密钥不能有此项权限:{permission}",
            "An API key cannot have this permission: {permission}",
        ),
        "apikey.expiry": (422, "有效期应晚于现在,且不超过 {years} 年", "The end must lie ahead, within {years} years"),
        "password.short": (422, "密码至少 {limit} 个字符", "The password must have at least {limit} characters"),
        "password.long": (422, "密码最多 {limit} 个字符", "The password must have at most {limit} characters"),
        "password.username": (422, "密码不能包含用户名", "The password must not contain the user name"),
        "password.common": (422, "密码过于常见,容易被猜到", "The password is too common to be safe"),
        "password.simple": (422, "密码过于简单:字符重复或连续", "The password is too simple: it repeats or counts up"),
        "password.same": (422, "新密码不能与原密码相同", "The new password must differ from the old one"),
        "password.wrong": (422, "原密码不正确", "The present password is not right"),
        "password.above": (
            403,
            "不能重设管理员的密码:对方的管理权限超出您的权限",
            "This account administers what you do not: you cannot set its password",
        ),
        "user.username": (
            422,
            "用户名应为 2–40 个小写字母、数字、点、横线或下划线,以字母或数字开头",
            "A user name has 2–40 small letters, digits, dots, dashes or underscores and begins with a letter or digit",
        ),
        "field.telephone": (
            422,
            "电话号码由数字、空格、+、- 和括号组成,至少 5 位数字",
            "A phone number has digits, spaces, +, - and brackets, five digits at least",
        ),
        "user.exists": (409, "用户名“{username}”已被使用", "The user name “{username}” is taken"),
        "user.own_rights": (
            403,
            "不能为自己授权,请由其他安全管理员办理",
            "Nobody can change his own rights; ask another security administrator",
        ),
        "user.own_state": (403, "不能停用或重设自己的账号", "You cannot disable or reset your own account"),
        "user.last_admin": (
            409,
            "这是最后一位{name}({name_en}),不能停用、调离或免去岗位",
            "This is the last {name_en}: it cannot be disabled, moved or relieved of the post",
        ),
        "user.unknown_post": (422, "没有岗位“{post}”", "There is no post “{post}”"),
        "user.duties": (
            409,
            "系统管理、安全管理、审计管理应由不同的人担任",
            "System, security and audit administration must be in different hands",
        ),
        "area.outside": (403, "区域 {area} 不在您的管辖范围内", "The area {area} is not within yours"),
        "role.exists": (409, "角色“{role}”已存在", "The role “{role}” exists already"),
        "role.built_in": (409, "内置岗位不能修改", "A built-in post cannot be changed"),
        "role.own": (403, "不能修改自己担任的角色", "You cannot change a role that you hold yourself"),
        "role.permission": (422, "没有权限“{permission}”", "There is no permission “{permission}”"),
        "org.exists": (409, "机构代码“{key}”已存在", "The unit key “{key}” exists already"),
        "org.unknown": (422, "没有这个机构", "There is no such unit"),
        "org.closed": (422, "机构已撤销", "The unit has been dissolved"),
        "org.cycle": (409, "上级机构不能是本机构或其下级", "A unit cannot stand below itself"),
        "org.area": (422, "机构的区域应在上级机构的区域之内", "The area must lie within that of the unit above"),
        "org.in_use": (
            409,
            "机构下还有 {users} 名在用用户、{units} 个下级机构",
            "The unit still has {users} active user(s) and {units} unit(s) below",
        ),
    }
)
