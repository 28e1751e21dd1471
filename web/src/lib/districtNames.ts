/** The districts of the reference city in English, by their Chinese short names; others keep the name they have. */
const ENGLISH: Record<string, string> = {
  万州: 'Wanzhou', 涪陵: 'Fuling', 渝中: 'Yuzhong', 大渡口: 'Dadukou', 江北: 'Jiangbei', 沙坪坝: 'Shapingba', 九龙坡: 'Jiulongpo',
  南岸: "Nan'an", 北碚: 'Beibei', 綦江: 'Qijiang', 大足: 'Dazu', 渝北: 'Yubei', 巴南: 'Banan', 黔江: 'Qianjiang', 长寿: 'Changshou',
  江津: 'Jiangjin', 合川: 'Hechuan', 永川: 'Yongchuan', 南川: 'Nanchuan', 璧山: 'Bishan', 铜梁: 'Tongliang', 潼南: 'Tongnan',
  荣昌: 'Rongchang', 开州: 'Kaizhou', 梁平: 'Liangping', 武隆: 'Wulong', 城口: 'Chengkou', 丰都: 'Fengdu', 垫江: 'Dianjiang',
  忠县: 'Zhongxian', 云阳: 'Yunyang', 奉节: 'Fengjie', 巫山: 'Wushan', 巫溪: 'Wuxi', 石柱: 'Shizhu', 秀山: 'Xiushan', 酉阳: 'Youyang',
  彭水: 'Pengshui', 两江: 'Liangjiang', 重庆: 'Chongqing',
} // prettier-ignore

const ENDINGS = ['土家族苗族自治县', '苗族土家族自治县', '土家族自治县', '自治县', '新区', '区', '县', '市']

/** As short as people say it: 渝中区 → 渝中, 石柱土家族自治县 → 石柱; 忠县 stays, it would be one letter. */
export function shortDistrict(name: string): string {
  const ending = ENDINGS.find((e) => name.endsWith(e) && name.length - e.length >= 2)
  return ending ? name.slice(0, -ending.length) : name
}

/** The short name of a district, or of the city, in the user's language. */
export function districtName(name: string, locale: string): string {
  return locale === 'en' ? (ENGLISH[shortDistrict(name)] ?? name) : name
}
