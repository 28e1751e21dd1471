/** The districts of the reference city in English, by their Chinese short names; others keep the name they have. */
const ENGLISH: Record<string, string> = {
  万州: 'Wanzhou', 涪陵: 'Fuling', 渝中: 'Yuzhong', 大渡口: 'Dadukou', 江北: 'Jiangbei', 沙坪坝: 'Shapingba', 九龙坡: 'Jiulongpo',
  南岸: "Nan'an", 北碚: 'Beibei', 綦江: 'Qijiang', 大足: 'Dazu', 渝北: 'Yubei', 巴南: 'Banan', 黔江: 'Qianjiang', 长寿: 'Changshou',
  江津: 'Jiangjin', 合川: 'Hechuan', 永川: 'Yongchuan', 南川: 'Nanchuan', 璧山: 'Bishan', 铜梁: 'Tongliang', 潼南: 'Tongnan',
  荣昌: 'Rongchang', 开州: 'Kaizhou', 梁平: 'Liangping', 武隆: 'Wulong', 城口: 'Chengkou', 丰都: 'Fengdu', 垫江: 'Dianjiang',
  忠县: 'Zhongxian', 云阳: 'Yunyang', 奉节: 'Fengjie', 巫山: 'Wushan', 巫溪: 'Wuxi', 石柱: 'Shizhu', 秀山: 'Xiushan', 酉阳: 'Youyang',
  彭水: 'Pengshui', 两江: 'Liangjiang', 两江新区: 'Liangjiang', 重庆: 'Chongqing', 重庆市: 'Chongqing',
} // prettier-ignore

export function districtName(shortName: string, locale: string): string {
  return locale === 'en' ? (ENGLISH[shortName] ?? shortName) : shortName
}
