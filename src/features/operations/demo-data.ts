// What the demo companies own and who works there: category trees, people, and the machines of the smaller company.
type Field = { key: string; label: string; type: 'text' | 'number' | 'boolean' | 'choice' | 'date'; unit?: string; choices?: string[] }
export type Branch = { name: string; code?: string; days?: number; fields?: Field[]; below?: Branch[] }

const power: Field = { key: 'potencia_hp', label: 'Potencia', type: 'number', unit: 'HP' }
const weight: Field = { key: 'peso_operativo_kg', label: 'Peso operativo', type: 'number', unit: 'kg' }
const hourMeter: Field = { key: 'horometro_h', label: 'Horómetro', type: 'number', unit: 'h' }
const odometer: Field = { key: 'kilometraje_km', label: 'Kilometraje', type: 'number', unit: 'km' }
const fuel: Field = { key: 'combustible', label: 'Combustible', type: 'choice', choices: ['Diésel', 'Gasolina', 'Eléctrico'] }

export const andinaTree: Branch[] = [
  {
    name: 'Maquinaria pesada',
    days: 90,
    fields: [power, weight, hourMeter],
    below: [
      {
        name: 'Excavadoras',
        code: 'EX',
        fields: [
          { key: 'capacidad_cucharon_m3', label: 'Capacidad del cucharón', type: 'number', unit: 'm³' },
          { key: 'traslacion', label: 'Traslación', type: 'choice', choices: ['Orugas', 'Ruedas'] },
        ],
      },
      { name: 'Cargadores frontales', code: 'CF', fields: [{ key: 'capacidad_cucharon_m3', label: 'Capacidad del cucharón', type: 'number', unit: 'm³' }] },
      { name: 'Motoniveladoras', code: 'MN', fields: [{ key: 'ancho_hoja_m', label: 'Ancho de la hoja', type: 'number', unit: 'm' }] },
      { name: 'Rodillos', code: 'RO', days: 60, fields: [{ key: 'tambor', label: 'Tambor', type: 'choice', choices: ['Liso', 'Pata de cabra', 'Neumático'] }] },
      { name: 'Tractores de oruga', code: 'TO', fields: [{ key: 'ancho_hoja_m', label: 'Ancho de la hoja', type: 'number', unit: 'm' }] },
      { name: 'Retroexcavadoras', code: 'RE' },
      { name: 'Pavimentadoras', code: 'PV', days: 45, fields: [{ key: 'ancho_pavimentacion_m', label: 'Ancho de pavimentación', type: 'number', unit: 'm' }] },
    ],
  },
  {
    name: 'Vehículos pesados',
    days: 60,
    fields: [power, odometer],
    below: [
      { name: 'Volquetes', code: 'VQ', fields: [{ key: 'capacidad_m3', label: 'Capacidad de la tolva', type: 'number', unit: 'm³' }] },
      { name: 'Cisternas', code: 'CI', fields: [{ key: 'capacidad_gal', label: 'Capacidad del tanque', type: 'number', unit: 'gal' }] },
      { name: 'Camiones plataforma', code: 'CP', fields: [{ key: 'carga_util_t', label: 'Carga útil', type: 'number', unit: 't' }] },
    ],
  },
  { name: 'Vehículos livianos', days: 60, fields: [odometer, fuel], below: [{ name: 'Camionetas', code: 'CA' }] },
  {
    name: 'Equipo menor',
    days: 120,
    fields: [hourMeter],
    below: [
      { name: 'Grupos electrógenos', code: 'GE', fields: [{ key: 'potencia_kva', label: 'Potencia', type: 'number', unit: 'kVA' }] },
      { name: 'Compresoras', code: 'CO', fields: [{ key: 'caudal_cfm', label: 'Caudal', type: 'number', unit: 'CFM' }] },
      { name: 'Planchas compactadoras', code: 'PC' },
      { name: 'Torres de iluminación', code: 'TI' },
    ],
  },
]

export const surTree: Branch[] = [
  {
    name: 'Maquinaria',
    days: 90,
    fields: [power, hourMeter],
    below: [
      { name: 'Excavadoras', code: 'EX' },
      { name: 'Motoniveladoras', code: 'MN' },
      { name: 'Rodillos', code: 'RO', days: 60 },
      { name: 'Barredoras', code: 'BA' },
    ],
  },
  {
    name: 'Vehículos',
    days: 60,
    fields: [odometer],
    below: [
      { name: 'Volquetes', code: 'VQ' },
      { name: 'Camionetas', code: 'CA' },
    ],
  },
]

/** People beside the four roles' accounts: an operator for each crew. */
export const crew: readonly (readonly [string, string])[] = [
  ['jccama', 'José Ccama'],
  ['rhuanca', 'Rosalío Huanca'],
  ['mticona', 'Marisol Ticona'],
  ['wapaza', 'Wilber Apaza'],
  ['schoque', 'Sonia Choque'],
  ['evilca', 'Efraín Vilca'],
]

/** fleet code, category, name, maker, model, maker's serial, year, price (empty: rented), place, days since the last service */
export type Machine = readonly [string, string, string, string, string, string, number, string, string, number]
export const surMachines: readonly Machine[] = [
  ['EX-01', 'Excavadoras', 'Excavadora sobre orugas 320', 'Caterpillar', '320', 'HEX20411', 2021, '198500.00', 'Km 34 Ilo–Moquegua', 40],
  ['EX-02', 'Excavadoras', 'Excavadora sobre orugas 330', 'Caterpillar', '330', 'WCH10277', 2022, '264000.00', 'Km 34 Ilo–Moquegua', 96],
  ['EX-03', 'Excavadoras', 'Excavadora PC210LC', 'Komatsu', 'PC210LC-10', 'C62518', 2019, '172300.00', 'Taller Moquegua', 12],
  ['EX-04', 'Excavadoras', 'Excavadora EC220D', 'Volvo', 'EC220D', 'VCEC220DC00317', 2020, '', 'Puente Tumilaca', 71],
  ['EX-05', 'Excavadoras', 'Miniexcavadora 305.5', 'Caterpillar', '305.5E2', 'EJX03381', 2018, '61200.00', 'Taller Moquegua', 55],
  ['MN-01', 'Motoniveladoras', 'Motoniveladora 140K', 'Caterpillar', '140K', 'SZL02145', 2017, '231000.00', 'Km 34 Ilo–Moquegua', 88],
  ['MN-02', 'Motoniveladoras', 'Motoniveladora GD555', 'Komatsu', 'GD555-5', '55417', 2020, '215600.00', 'Km 71 Torata', 20],
  ['MN-03', 'Motoniveladoras', 'Motoniveladora 670G', 'John Deere', '670G', '1DW670GXVDF651', 2021, '', 'Km 71 Torata', 105],
  ['RO-01', 'Rodillos', 'Rodillo liso vibratorio 12 t', 'Bomag', 'BW 212 D-5', '901586301', 2019, '118400.00', 'Km 34 Ilo–Moquegua', 61],
  ['RO-02', 'Rodillos', 'Rodillo tándem', 'Hamm', 'HD 90i', 'H2060417', 2020, '126900.00', 'Km 71 Torata', 33],
  ['RO-03', 'Rodillos', 'Rodillo neumático', 'Dynapac', 'CP2700', '10000339', 2018, '109700.00', 'Taller Moquegua', 18],
  ['BA-01', 'Barredoras', 'Barredora autopropulsada', 'Broce', 'RJT-350', '406881', 2017, '54300.00', 'Km 71 Torata', 82],
  ['VQ-01', 'Volquetes', 'Volquete 15 m³', 'Volvo', 'FMX 440', '9BVXS90D1HE82', 2019, '143800.00', 'Cantera Los Ángeles', 25],
  ['VQ-02', 'Volquetes', 'Volquete 15 m³', 'Volvo', 'FMX 440', '9BVXS90D1HE83', 2019, '143800.00', 'Cantera Los Ángeles', 63],
  ['VQ-03', 'Volquetes', 'Volquete 15 m³', 'Scania', 'P410', '9BSP6X400K3', 2020, '151200.00', 'Cantera Los Ángeles', 47],
  ['VQ-04', 'Volquetes', 'Volquete 17 m³', 'Mercedes-Benz', 'Actros 3344', 'WDB934161', 2021, '', 'Km 34 Ilo–Moquegua', 9],
  ['VQ-05', 'Volquetes', 'Volquete 17 m³', 'Mercedes-Benz', 'Actros 3344', 'WDB934162', 2021, '', 'Km 34 Ilo–Moquegua', 52],
  ['VQ-06', 'Volquetes', 'Volquete 20 m³', 'Sinotruk', 'Howo 420', 'LZZ5ELSD4', 2022, '98700.00', 'Km 71 Torata', 66],
  ['CA-01', 'Camionetas', 'Camioneta 4x4', 'Toyota', 'Hilux SR', '8AJFB8CD2', 2022, '38900.00', 'Oficina Ilo', 30],
  ['CA-02', 'Camionetas', 'Camioneta 4x4', 'Toyota', 'Hilux SR', '8AJFB8CD3', 2022, '38900.00', 'Km 34 Ilo–Moquegua', 58],
  ['CA-03', 'Camionetas', 'Camioneta 4x4', 'Mitsubishi', 'L200', 'MMBJJKL10', 2020, '33400.00', 'Puente Tumilaca', 74],
  ['CA-04', 'Camionetas', 'Camioneta 4x4', 'Nissan', 'Frontier', '3N6CD33B5', 2021, '', 'Oficina Moquegua', 15],
  ['CA-05', 'Camionetas', 'Camioneta 4x2', 'Toyota', 'Hilux', '8AJFA8CB1', 2017, '21700.00', 'Oficina Ilo', 90],
  ['CA-06', 'Camionetas', 'Camioneta 4x4', 'Ford', 'Ranger XLT', '8AFAR23L9', 2019, '29800.00', 'Cantera Los Ángeles', 41],
]

/** Why machines of the demo left service, in turn. */
export const reasons = {
  maintenance: ['Servicio de 500 horas', 'Fuga en el cilindro del brazo', 'Cambio de zapatas y pernos', 'Falla en el sistema de inyección', 'Revisión por sobrecalentamiento', 'Cambio de frenos'],
  active: ['Servicio terminado, probada en taller', 'Repuesto instalado'],
  retired: ['Costo de reparación mayor que su valor'],
  handOver: ['Frente de obra Km 34', 'Cantera, turno día', 'Turno noche', 'Reemplazo por mantenimiento', 'Limpieza de derrumbe', null],
  back: ['Sin novedad', 'Llanta delantera gastada', 'Entrega con tanque lleno', null],
}

/** Work on machines, in turn: kind, what, who, parts, cost, and on which day from today it was or will be; a past day was worked on. */
export type Work = readonly ['preventive' | 'corrective' | 'emergency', string, string, string | null, string, number]
export const works: readonly Work[] = [
  ['preventive', 'Servicio de 250 horas', 'Taller Central Juliaca', 'Filtros de aceite y combustible, 40 L de aceite 15W-40', '1840.00', -148],
  ['preventive', 'Servicio de 500 horas', 'Taller Central Juliaca', 'Filtros, aceite de motor e hidráulico', '3260.50', -121],
  ['corrective', 'Cambio de sello del cilindro del brazo', 'Hidráulica del Sur', 'Kit de sellos', '2115.00', -112],
  ['preventive', 'Servicio de 1000 horas', 'Ferreyros Puno', 'Filtros, fluidos y correas', '6480.00', -96],
  ['emergency', 'Rotura de manguera hidráulica en frente', 'Mecánico de obra', 'Manguera 3/4" R2, 20 L de aceite', '690.00', -83],
  ['preventive', 'Engrase general y revisión de niveles', 'Mecánico de obra', null, '180.00', -71],
  ['corrective', 'Cambio de zapatas y pernos', 'Rodajes Altiplano', '12 zapatas, 48 pernos', '5320.00', -64],
  ['preventive', 'Servicio de 250 horas', 'Taller Central Juliaca', 'Filtros, aceite de motor', '1795.00', -52],
  ['emergency', 'Falla de alternador', 'Electricidad Quispe', 'Alternador reparado', '940.00', -44],
  ['preventive', 'Cambio de aceite y filtros', 'Servicentro Juliaca', 'Filtros, 12 L de aceite', '520.00', -37],
  ['corrective', 'Cambio de frenos', 'Taller Central Juliaca', 'Zapatas y tambores posteriores', '2870.00', -29],
  ['preventive', 'Servicio de 500 horas', 'Ferreyros Puno', 'Filtros, aceite de motor e hidráulico', '3410.00', -18],
  ['preventive', 'Servicio de 250 horas', 'Taller Central Juliaca', 'Filtros, aceite de motor', '1812.30', -9],
  ['corrective', 'Reparación del aire acondicionado', 'Frío Andino', 'Compresor', '1290.00', -4],
  ['preventive', 'Servicio de 500 horas', 'Taller Central Juliaca', null, '', 3],
  ['preventive', 'Servicio de 1000 horas', 'Ferreyros Puno', null, '', 8],
  ['corrective', 'Cambio de cuchillas', 'Mecánico de obra', null, '', 12],
  ['preventive', 'Servicio de 250 horas', 'Taller Central Juliaca', null, '', 19],
]
